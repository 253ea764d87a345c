// Transposing blocks of values.
#pragma once
#include "simd.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

// Transposes kLanes x kLanes floats: to[j * to_stride + i] = from(i)[j].
template <class From>
ELMAN_INLINE void transpose_square(From from, Real* to, int64_t to_stride) {
    Vec row[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) row[i] = load(from(i));
    // log2(lanes) rounds of a perfect shuffle of the whole square
#pragma GCC unroll 4
    for (int round = 1; round < kLanes; round *= 2) {
        Vec next[kLanes];
        Int low, high;
        for (int l = 0; l < kLanes; ++l) {
            low[l] = l / 2 + (l % 2) * kLanes;
            high[l] = l / 2 + kLanes / 2 + (l % 2) * kLanes;
        }
#pragma GCC unroll 16
        for (int i = 0; i < kLanes / 2; ++i) {
#if defined(__clang__)
            for (int l = 0; l < kLanes; ++l) {
                next[2 * i][l] = l % 2 ? row[i + kLanes / 2][l / 2] : row[i][l / 2];
                next[2 * i + 1][l] =
                    l % 2 ? row[i + kLanes / 2][l / 2 + kLanes / 2] : row[i][l / 2 + kLanes / 2];
            }
#else
            next[2 * i] = __builtin_shuffle(row[i], row[i + kLanes / 2], low);
            next[2 * i + 1] = __builtin_shuffle(row[i], row[i + kLanes / 2], high);
#endif
        }
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) row[i] = next[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) store(to + i * to_stride, row[i]);
}

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
