// Products of bfloat16 with float32 accumulation, where the instruction set has them (AVX512-BF16).
//
// Two bfloat16 of neighbouring k stand in the place of one float, the lower k in its lower half, so that a panel
// or a row of A of K values is one of slots_of(K) floats to all that only moves them. Values are rounded to the
// nearest, ties to even; denormals count as zeros.
#pragma once
#include "transpose.h"
#include "walk.h"

#if defined(__AVX512BF16__) && !defined(ELMAN_DOUBLE)
#define ELMAN_PAIRS 1
#else
#define ELMAN_PAIRS 0
#endif

#if ELMAN_PAIRS
#include <immintrin.h>

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

// 32 values, the first 16 of them `low`, as 16 pairs.
ELMAN_INLINE Vec pairs_along(Vec low, Vec high) {
    return reinterpret_cast<Vec>(_mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(high), reinterpret_cast<__m512>(low)));
}

// 16 values of k and those of k + 1, as 16 pairs.
ELMAN_INLINE Vec pairs_across(Vec first, Vec second) {
    const __m512i both = reinterpret_cast<__m512i>(pairs_along(first, second));
    const __m512i lower = _mm512_maskz_cvtepu16_epi32(0xffff, _mm512_maskz_extracti64x4_epi64(0xf, both, 0));
    const __m512i upper = _mm512_maskz_cvtepu16_epi32(0xffff, _mm512_maskz_extracti64x4_epi64(0xf, both, 1));
    return reinterpret_cast<Vec>(reinterpret_cast<Uint>(lower) | (reinterpret_cast<Uint>(upper) << 16));
}

// sum + a.lower * b.lower + a.upper * b.upper
ELMAN_INLINE Vec dot_pairs(Vec sum, Vec a, Vec b) {
    return reinterpret_cast<Vec>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(a),
                                                  reinterpret_cast<__m512bh>(b)));
}

ELMAN_INLINE Vec load_up_to(const Real* from, int64_t count) {
    return count >= kLanes ? load(from) : count > 0 ? load_part(from, count) : Vec{};
}

ELMAN_INLINE void store_up_to(Real* to, Vec v, int64_t count) {
    if (count >= kLanes)
        store(to, v);
    else
        store_part(to, v, count);
}

// `count` values as slots_of(count) pairs, the last one filled up with a zero.
void make_pairs(const Real* from, int64_t count, Real* to) {
    for (int64_t i = 0; i < count; i += 2 * kLanes, to += kLanes) {
        const int64_t left = count - i;
        const Vec low = load_up_to(from + i, left), high = load_up_to(from + i + kLanes, left - kLanes);
        store_up_to(to, pairs_along(low, high), slots_of(left, true));
    }
}

// panel[to + j, n] = the pair weight[n, 2j], weight[n, 2j + 1]
void pack_pairs_of_rows(const PackRecord& job) {
    const Panel& panel = *job.panel;
    const int64_t width = static_cast<int64_t>(panel.vectors) * kLanes, slots = slots_of(job.inner, true);
    Real* to = panel.data + job.to * width;
    for (int64_t n = 0; n < width; n += kLanes)
        for (int64_t j = 0; j < slots; j += kLanes) {
            Real square[kLanes][kLanes] = {};
            const int64_t here = panel.lanes - n < kLanes ? panel.lanes - n : kLanes;
            const int64_t left = job.inner - 2 * j < 2 * kLanes ? job.inner - 2 * j : 2 * kLanes;
            for (int64_t l = 0; l < here; ++l) make_pairs(job.weight + (n + l) * job.stride + 2 * j, left, square[l]);
            Real turned[kLanes][kLanes];
            transpose_square([&](int i) { return square[i]; }, turned[0], kLanes);
            for (int64_t i = 0; i < kLanes && j + i < slots; ++i) store(to + (j + i) * width + n, load(turned[i]));
        }
}

// panel[to + j, n] = the pair weight[2j, n], weight[2j + 1, n]
void pack_pairs_of_columns(const PackRecord& job) {
    const Panel& panel = *job.panel;
    const int64_t width = static_cast<int64_t>(panel.vectors) * kLanes;
    for (int64_t k = 0; k < job.inner; k += 2) {
        const Real* from = job.weight + k * job.stride;
        Real* to = panel.data + (job.to + k / 2) * width;
        for (int64_t n = 0; n < width; n += kLanes) {
            const Vec first = load_up_to(from + n, panel.lanes - n);
            const Vec second = k + 1 < job.inner ? load_up_to(from + job.stride + n, panel.lanes - n) : Vec{};
            store(to + n, pairs_across(first, second));
        }
    }
}

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE

#endif
