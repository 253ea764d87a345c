// One vector of lanes of Real, in the widest form that the flags of this compilation allow.
//
// Everything that includes this file is compiled once for each instruction set, inside the namespace ELMAN_ISA
// and an unnamed one: no symbol may be shared between the copies, or the linker could hand AVX-512 code to a
// machine without it. For the same reason these files use no std templates and no std::atomic.
#pragma once
#include <cstdint>
#include <cstring>

#include "real.h"

#if (defined(__x86_64__) || defined(__i386__)) && !defined(ELMAN_PORTABLE)
#include <immintrin.h>
#endif

#define ELMAN_INLINE inline __attribute__((always_inline))

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
constexpr int kLanes = kBytes / static_cast<int>(sizeof(Real));

#if defined(ELMAN_DOUBLE)
typedef int64_t IntLane;
typedef uint64_t UintLane;
#else
typedef int32_t IntLane;
typedef uint32_t UintLane;
#endif

typedef Real Vec __attribute__((vector_size(kBytes)));
typedef IntLane Int __attribute__((vector_size(kBytes)));
typedef UintLane Uint __attribute__((vector_size(kBytes)));
typedef double Double __attribute__((vector_size(8 * kLanes)));
typedef Real VecUnaligned __attribute__((vector_size(kBytes), aligned(sizeof(Real)), may_alias));

ELMAN_INLINE Vec load(const Real* p) { return *reinterpret_cast<const VecUnaligned*>(p); }
ELMAN_INLINE void store(Real* p, Vec v) { *reinterpret_cast<VecUnaligned*>(p) = v; }
ELMAN_INLINE Vec splat(Real x) { return x - Vec{}; }  // x + 0 would be an addition: it turns -0 into 0

// The first n lanes (1 <= n < kLanes) and nothing beyond them; other lanes read as zero.
// ELMAN_PORTABLE keeps to what every compiler has, and what the address sanitizer can watch.
#if defined(ELMAN_PORTABLE) || !defined(__AVX2__)
ELMAN_INLINE Vec load_part(const Real* p, int64_t n) {
    Real lanes[kLanes] = {};
    std::memcpy(lanes, p, static_cast<size_t>(n) * sizeof(Real));
    return load(lanes);
}
ELMAN_INLINE void store_part(Real* p, Vec v, int64_t n) {
    Real lanes[kLanes];
    store(lanes, v);
    std::memcpy(p, lanes, static_cast<size_t>(n) * sizeof(Real));
}
#elif defined(__AVX512F__) && defined(ELMAN_DOUBLE)
ELMAN_INLINE Vec load_part(const Real* p, int64_t n) {
    return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1), p);
}
ELMAN_INLINE void store_part(Real* p, Vec v, int64_t n) {
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1), v);
}
#elif defined(__AVX512F__)
ELMAN_INLINE Vec load_part(const Real* p, int64_t n) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
}
ELMAN_INLINE void store_part(Real* p, Vec v, int64_t n) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
}
#elif defined(ELMAN_DOUBLE)
ELMAN_INLINE __m256i part_mask(int64_t n) {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
}
ELMAN_INLINE Vec load_part(const Real* p, int64_t n) { return _mm256_maskload_pd(p, part_mask(n)); }
ELMAN_INLINE void store_part(Real* p, Vec v, int64_t n) { _mm256_maskstore_pd(p, part_mask(n), v); }
#else
ELMAN_INLINE __m256i part_mask(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ELMAN_INLINE Vec load_part(const Real* p, int64_t n) { return _mm256_maskload_ps(p, part_mask(n)); }
ELMAN_INLINE void store_part(Real* p, Vec v, int64_t n) { _mm256_maskstore_ps(p, part_mask(n), v); }
#endif

ELMAN_INLINE Int bits(Vec v) { return reinterpret_cast<Int>(v); }
ELMAN_INLINE Vec from_bits(Int v) { return reinterpret_cast<Vec>(v); }

constexpr IntLane kSign = static_cast<IntLane>(UintLane{1} << (8 * sizeof(Real) - 1));

ELMAN_INLINE Vec absolute(Vec v) { return from_bits(bits(v) & ~kSign); }

// The lesser or greater of the two; NaN where x is NaN. (GCC 12 warns about its own header in the forms without
// a mask; a full mask costs nothing.)
ELMAN_INLINE Vec at_most(Vec x, Real limit) {
#if defined(ELMAN_PORTABLE) || !defined(__AVX2__)
    return x > limit ? splat(limit) : x;
#elif defined(__AVX512F__) && defined(ELMAN_DOUBLE)
    return _mm512_maskz_min_pd(0xff, splat(limit), x);
#elif defined(__AVX512F__)
    return _mm512_maskz_min_ps(0xffff, splat(limit), x);
#elif defined(ELMAN_DOUBLE)
    return _mm256_min_pd(splat(limit), x);
#else
    return _mm256_min_ps(splat(limit), x);
#endif
}

ELMAN_INLINE Vec at_least(Vec x, Real limit) {
#if defined(ELMAN_PORTABLE) || !defined(__AVX2__)
    return x < limit ? splat(limit) : x;
#elif defined(__AVX512F__) && defined(ELMAN_DOUBLE)
    return _mm512_maskz_max_pd(0xff, splat(limit), x);
#elif defined(__AVX512F__)
    return _mm512_maskz_max_ps(0xffff, splat(limit), x);
#elif defined(ELMAN_DOUBLE)
    return _mm256_max_pd(splat(limit), x);
#else
    return _mm256_max_ps(splat(limit), x);
#endif
}

ELMAN_INLINE Vec square_root(Vec v) {
    Vec r = v;
    #if defined(ELMAN_DOUBLE)
    for (int i = 0; i < kLanes; ++i) r[i] = __builtin_sqrt(v[i]);
#else
    for (int i = 0; i < kLanes; ++i) r[i] = __builtin_sqrtf(v[i]);
#endif
    return r;
}

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
