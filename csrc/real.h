// The type of every value that the engine computes. All that computes is compiled twice, for float and, with
// ELMAN_DOUBLE, for double, each in a namespace of its own (ELMAN_SPACE). What knows neither type stands in elman.
#pragma once
#include <cstdint>

#if defined(ELMAN_DOUBLE)
#define ELMAN_SPACE elman::float64
#else
#define ELMAN_SPACE elman::float32
#endif

namespace ELMAN_SPACE {

#if defined(ELMAN_DOUBLE)
using Real = double;
#else
using Real = float;
#endif

constexpr int64_t kCacheLine = 64 / sizeof(Real);  // values in a cache line

}  // namespace ELMAN_SPACE
