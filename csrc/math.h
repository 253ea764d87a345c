// Elementary functions on one vector of floats (math_double.h: of doubles), with IEEE results at zeros, infinities, NaN and denormals. Bounds over all
// floats, in units in the last place: log 0.9, exp 1.1, log1p 1.4, sin and cos 1.6, tanh 2.3, sigmoid 2.5
// (tests/engine/test_math.py samples them). The polynomials are minimax fits made for these intervals.
#pragma once
#include <cmath>

#include "simd.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

constexpr float kLog2e = 1.44269504f;
// ln 2 in two parts; the high one has 10 bits, so that n * high is exact for every exponent n.
constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;

struct Reduced {
    Vec r;   // |r| <= ln(2) / 2
    Vec n;   // x = n ln 2 + r
    Uint k;  // n as an integer
};

// x within ±200. NaN travels through r.
ELMAN_INLINE Reduced reduce_exp(Vec x) {
    constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    const Vec shifted = x * kLog2e + round, n = shifted - round;
    Vec r = x - n * kLn2High;
    r = r - n * kLn2Low;
    return {r, n, reinterpret_cast<Uint>(shifted) - 0x4b400000u};
}

// e^r, |r| <= ln(2) / 2
ELMAN_INLINE Vec exp_reduced(Vec r) {
    const Vec square = r * r;
    const Vec low = r * 0x1.5554aep-3f + 0.5f, high = r * 0x1.12290ep-7f + 0x1.555486p-5f;
    const Vec q = (square * 0x1.6d9a80p-10f + high) * square + low;
    return (q * square + r) + 1.0f;
}

ELMAN_INLINE Vec power_of_two(Uint n) { return reinterpret_cast<Vec>((n + 127u) << 23); }  // -126 <= n <= 127

// y * 2^n, rounded once, for y about 1
ELMAN_INLINE Vec scale(Vec y, const Reduced& a) {
#if defined(__AVX512F__) && !defined(ELMAN_PORTABLE)
    return _mm512_maskz_scalef_ps(0xffff, y, a.n);
#else
    const Uint half = reinterpret_cast<Uint>(reinterpret_cast<Int>(a.k) >> 1);  // 2^n alone may overflow or vanish
    return y * power_of_two(half) * power_of_two(a.k - half);
#endif
}

ELMAN_INLINE Vec exp(Vec x) {
    const Reduced a = reduce_exp(at_least(at_most(x, 89.0f), -104.0f));
    return scale(exp_reduced(a.r), a);
}

// |tanh x| = |e / (e + 2)| with e = e^(±2x) - 1. Small x take the negative sign, where e + 2 lies below 2 and so
// loses less when it is rounded. n is the floor of 2x / ln 2 + 1/4, so that n = 0, where e needs no second addition,
// holds up to 2x = 0.52.
ELMAN_INLINE Vec tanh(Vec x) {
    constexpr float round = 6291456.0f;  // 1.5 * 2^22: rounds to halves, of which the last bit is then dropped
    const Vec y = at_most(absolute(x), 9.1f);  // tanh rounds to 1 from 9.02 on
    const Uint halves = reinterpret_cast<Uint>(y * (2 * kLog2e) + round) & ~1u;
    const Vec n = reinterpret_cast<Vec>(halves) - round;
    Vec r = (y + y) - n * kLn2High;
    r = r - n * kLn2Low;
    r = from_bits(bits(r) ^ ((y < 0.1257f) & kSign));
    const Vec square = r * r;
    const Vec low = r * 0x1.55555cp-3f + 0.5f, middle = r * 0x1.10fde8p-7f + 0x1.555618p-5f;
    const Vec high = r * 0x1.d33d46p-13f + 0x1.6b57b6p-10f;
    const Vec q = (high * square + middle) * square + low;
    const Vec power = reinterpret_cast<Vec>((halves - (0x4ac00000u - 254u)) << 22);  // 2^n
    const Vec e = power * (q * square + r) + (power - 1.0f);
    const Vec t = e / (e + 2.0f);
    return from_bits((bits(t) & ~kSign) | (bits(x) & kSign));
}

// With z = e^-|x|, the sigmoid is 1 / (1 + z) or z / (1 + z): small results keep their relative accuracy.
ELMAN_INLINE Vec sigmoid(Vec x) {
    const Reduced a = reduce_exp(at_least(-absolute(x), -104.0f));
    const Vec z = scale(exp_reduced(a.r), a);
    const Vec numerator = x < 0.0f ? z : splat(1.0f);
    return numerator / (z + 1.0f);
}

// log(2^k (1 + f)) for 1 + f in sqrt(1/2) .. sqrt(2)
ELMAN_INLINE Vec log_reduced(Vec f, Int exponent) {
    Vec k = __builtin_convertvector(exponent, Vec);
    Vec p = splat(0x1.14c9d8p-4f);
    p = p * f + -0x1.deffe2p-4f;
    p = p * f + 0x1.e728a6p-4f;
    p = p * f + -0x1.fc07cap-4f;
    p = p * f + 0x1.23322ap-3f;
    p = p * f + -0x1.555cccp-3f;
    p = p * f + 0x1.99a4f6p-3f;
    p = p * f + -0x1.000006p-2f;
    p = p * f + 0x1.555546p-2f;
    Vec square = f * f;
    Vec rest = p * (square * f) + k * kLn2Low;
    rest = rest - square * 0.5f;
    return k * kLn2High + (f + rest);
}

constexpr int32_t kSqrtHalf = 0x3f3504f3;

ELMAN_INLINE Vec log_special(Vec x, Vec result) {
    constexpr float infinity = __builtin_inff();
    result = x == 0.0f ? splat(-infinity) : result;
    result = x == infinity ? x : result;
    result = x < 0.0f ? splat(__builtin_nanf("")) : result;
    return x != x ? x : result;
}

ELMAN_INLINE Vec log(Vec x) {
    Int denormal = x < 1.17549435e-38f;
    Vec y = denormal ? x * 8388608.0f : x;
    Int k = reinterpret_cast<Int>(reinterpret_cast<Uint>(y) - static_cast<uint32_t>(kSqrtHalf)) >> 23;
    Vec m = reinterpret_cast<Vec>(reinterpret_cast<Uint>(y) - (reinterpret_cast<Uint>(k) << 23));
    k = k - (denormal & 23);
    return log_special(x, log_reduced(m - 1.0f, k));
}

ELMAN_INLINE Vec log1p(Vec x) {
    Vec u = x + 1.0f;
    Vec lost = x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f);  // what rounding took from u
    Int k = reinterpret_cast<Int>(reinterpret_cast<Uint>(u) - static_cast<uint32_t>(kSqrtHalf)) >> 23;
    Uint shift = reinterpret_cast<Uint>(k) << 23;
    Vec m = reinterpret_cast<Vec>(reinterpret_cast<Uint>(u) - shift);
    Vec inverse = reinterpret_cast<Vec>(0x3f800000u - shift);  // 2^-k, for k <= 64
    Vec f = (m - 1.0f) + (k > 64 ? Vec{} : lost * inverse);
    Vec result = log_special(u, log_reduced(f, k));
    return x == 0.0f ? x : result;
}

constexpr float kTrigLimit = 100000.0f;

struct Quadrant {
    Vec r;  // |r| <= pi / 4
    Int n;  // x = n pi / 2 + r
};

ELMAN_INLINE Quadrant reduce_trig(Vec x) {
    // pi / 2 = 33 bits + the rest: n * high is exact in double for every n below 2^20.
    constexpr double high = 0x1.921fb544p+0, low = 0x1.0b4611a626331p-34, round = 6755399441055744.0;
    Double d = __builtin_convertvector(x, Double);
    Double n = (d * 0x1.45f306dc9c883p-1 + round) - round;
    Double r = (d - n * high) - n * low;
    return {__builtin_convertvector(r, Vec), __builtin_convertvector(__builtin_convertvector(n, Vec), Int)};
}

ELMAN_INLINE Vec sin_polynomial(Vec r) {
    Vec z = r * r;
    Vec p = splat(0x1.6ccf5cp-19f);
    p = p * z + -0x1.a00f74p-13f;
    p = p * z + 0x1.111108p-7f;
    p = p * z + -0x1.555556p-3f;
    return p * (z * r) + r;
}

ELMAN_INLINE Vec cos_polynomial(Vec r) {
    Vec z = r * r;
    Vec p = splat(0x1.99ff3ep-16f);
    p = p * z + -0x1.6c0c82p-10f;
    p = p * z + 0x1.55554ap-5f;
    return (p * z) * z + (1.0f - z * 0.5f);
}

// sine for offset 0, cosine for offset 1; beyond kTrigLimit lane by lane in the C library's double precision
ELMAN_INLINE Vec trig(Vec x, int32_t offset) {
    Int inside = absolute(x) <= kTrigLimit;  // false for NaN too
    Quadrant q = reduce_trig(inside ? x : Vec{});
    Int n = q.n + offset;
    Vec y = (n & 1) != 0 ? cos_polynomial(q.r) : sin_polynomial(q.r);
    y = from_bits(bits(y) ^ ((n & 2) << 30));
    int32_t all = -1;
    for (int i = 0; i < kLanes; ++i) all &= inside[i];
    if (__builtin_expect(all != -1, 0)) {
        for (int i = 0; i < kLanes; ++i) {
            if (inside[i]) continue;
            double lane = static_cast<double>(x[i]);
            y[i] = static_cast<float>(offset ? ::cos(lane) : ::sin(lane));
        }
    }
    return y;
}

ELMAN_INLINE Vec sin(Vec x) { return x == 0.0f ? x : trig(x, 0); }  // sin -0 is -0
ELMAN_INLINE Vec cos(Vec x) { return trig(x, 1); }

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
