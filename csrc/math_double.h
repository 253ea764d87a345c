// Elementary functions on one vector of doubles (math.h: of floats), with IEEE results at zeros, infinities, NaN and
// denormals. Units in the last place, over the samples of tests/engine/test_math.py: see BOUNDS there.
// The polynomials are Taylor series, taken as far as the reduced arguments need for a double.
#pragma once
#include <cmath>

#include "simd.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

constexpr double kLog2e = 0x1.71547652b82fep+0;
// ln 2 in two parts; the high one ends in 17 zero bits, so that n * high is exact for every exponent n.
constexpr double kLn2High = 0x1.62e42fefa0000p-1, kLn2Low = 0x1.cf79abc9e3b3ap-40;
constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it leaves the nearest integer in the low bits

struct Reduced {
    Vec r;  // |r| <= ln(2) / 2
    Vec n;  // x = n ln 2 + r
};

// NaN travels through r.
ELMAN_INLINE Reduced reduce_exp(Vec x) {
    const Vec n = (x * kLog2e + kRound) - kRound;
    Vec r = x - n * kLn2High;
    r = r - n * kLn2Low;
    return {r, n};
}

// (e^r - 1 - r) / r^2, |r| <= ln(2) / 2
ELMAN_INLINE Vec exp_rest(Vec r) {
    Vec p = splat(1.0 / 6227020800);
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    return p * r + 0.5;
}

// 2^n for an integer n within -1022 .. 1023: the sum holds n + 1023 in its low bits
ELMAN_INLINE Vec power_of_two(Vec n) { return reinterpret_cast<Vec>(reinterpret_cast<Uint>(n + (kRound + 1023.0)) << 52); }

// y * 2^n, rounded once, for y about 1
ELMAN_INLINE Vec scale(Vec y, Vec n) {
#if defined(__AVX512F__) && !defined(ELMAN_PORTABLE)
    return _mm512_maskz_scalef_pd(0xff, y, n);
#else
    const Vec half = (n * 0.5 + kRound) - kRound;  // 2^n alone may overflow or vanish
    return y * power_of_two(half) * power_of_two(n - half);
#endif
}

ELMAN_INLINE Vec exp_within(Vec x) {
    const Reduced a = reduce_exp(x);
    return scale((exp_rest(a.r) * (a.r * a.r) + a.r) + 1.0, a.n);
}

ELMAN_INLINE Vec exp(Vec x) { return exp_within(at_least(at_most(x, 710.0), -746.0)); }

// |tanh x| = e / (e + 2) with e = e^2x - 1
ELMAN_INLINE Vec tanh(Vec x) {
    const Vec y = at_most(absolute(x), 19.1);  // tanh rounds to 1 from 19.07 on
    const Reduced a = reduce_exp(y + y);
    const Vec power = power_of_two(a.n);
    const Vec e = power * (exp_rest(a.r) * (a.r * a.r) + a.r) + (power - 1.0);
    const Vec t = e / (e + 2.0);
    return from_bits((bits(t) & ~kSign) | (bits(x) & kSign));
}

// With z = e^-|x|, the sigmoid is 1 / (1 + z) or z / (1 + z): small results keep their relative accuracy.
ELMAN_INLINE Vec sigmoid(Vec x) {
    const Vec z = exp_within(at_least(-absolute(x), -746.0));
    const Vec numerator = x < 0.0 ? z : splat(1.0);
    return numerator / (z + 1.0);
}

// log(2^k (1 + f)) for 1 + f in sqrt(1/2) .. sqrt(2). With s = f / (2 + f), log(1 + f) = 2 atanh(s)
// = f - (f²/2 - s (f²/2 + rest)), where rest = 2 s² (1/3 + s²/5 + s⁴/7 + …).
ELMAN_INLINE Vec log_reduced(Vec f, Vec k) {
    const Vec s = f / (f + 2.0), z = s * s, half = f * f * 0.5;
    Vec p = splat(2.0 / 23);
    p = p * z + 2.0 / 21;
    p = p * z + 2.0 / 19;
    p = p * z + 2.0 / 17;
    p = p * z + 2.0 / 15;
    p = p * z + 2.0 / 13;
    p = p * z + 2.0 / 11;
    p = p * z + 2.0 / 9;
    p = p * z + 2.0 / 7;
    p = p * z + 2.0 / 5;
    p = p * z + 2.0 / 3;
    const Vec rest = s * (half + p * z) + k * kLn2Low;
    return k * kLn2High - ((half - rest) - f);
}

constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;

// Where m = y / 2^k lies in sqrt(1/2) .. sqrt(2): the bits of 2^k, less those of 1, and k as a number.
struct Exponent {
    Uint shift;
    Vec k;
};

ELMAN_INLINE Exponent exponent_of(Vec y) {
    const Uint shift = (reinterpret_cast<Uint>(y) - kSqrtHalf) & 0xfff0000000000000u;
    // The exponent's 12 bits, moved down and biased so that they are those of a positive number.
    const Uint biased = (shift + (uint64_t{2048} << 52)) >> 52;
    return {shift, from_bits(reinterpret_cast<Int>(biased) | bits(splat(kRound))) - (kRound + 2048.0)};
}

ELMAN_INLINE Vec log_special(Vec x, Vec result) {
    constexpr double infinity = __builtin_inf();
    result = x == 0.0 ? splat(-infinity) : result;
    result = x == infinity ? x : result;
    result = x < 0.0 ? splat(__builtin_nan("")) : result;
    return x != x ? x : result;
}

ELMAN_INLINE Vec log(Vec x) {
    const Int denormal = x < 0x1p-1022;
    const Vec y = denormal ? x * 0x1p54 : x;
    const Exponent e = exponent_of(y);
    const Vec m = reinterpret_cast<Vec>(reinterpret_cast<Uint>(y) - e.shift);
    return log_special(x, log_reduced(m - 1.0, e.k - (denormal ? splat(54.0) : Vec{})));
}

ELMAN_INLINE Vec log1p(Vec x) {
    const Vec u = x + 1.0;
    const Vec lost = x > 1.0 ? 1.0 - (u - x) : x - (u - 1.0);  // what rounding took from u
    const Exponent e = exponent_of(u);
    const Vec m = reinterpret_cast<Vec>(reinterpret_cast<Uint>(u) - e.shift);
    const Vec inverse = reinterpret_cast<Vec>(reinterpret_cast<Uint>(splat(1.0)) - e.shift);  // 2^-k, for k <= 100
    const Vec f = (m - 1.0) + (e.k > 100.0 ? Vec{} : lost * inverse);
    const Vec result = log_special(u, log_reduced(f, e.k));
    return x == 0.0 ? x : result;
}

constexpr double kTrigLimit = 1e6;

// What a + b loses when it is rounded to `sum`, exactly.
ELMAN_INLINE Vec lost_in_sum(Vec a, Vec b, Vec sum) {
    const Vec of_b = sum - a;
    return (a - (sum - of_b)) + (b - of_b);
}

struct Quadrant {
    Vec r, low;  // |r| <= pi / 4, and what r lacks
    Int n;       // x = n pi / 2 + r + low
};

ELMAN_INLINE Quadrant reduce_trig(Vec x) {
    // pi / 2 in three parts of 33 bits and the rest: n * part is exact for every n below 2^20, and a double close to
    // a multiple of pi / 2 keeps all its digits.
    constexpr double first = 0x1.921fb544p+0, second = 0x1.0b4611a6p-34, third = 0x1.3198a2ep-69;
    constexpr double rest = 0x1.b839a252049c1p-104;
    const Vec shifted = x * 0x1.45f306dc9c883p-1 + kRound, n = shifted - kRound;
    const Vec a = x - n * first;  // exact
    const Vec by = n * second, b = a - by, after = n * third, c = b - after;
    const Vec low = (lost_in_sum(a, -by, b) + lost_in_sum(b, -after, c)) - n * rest;
    const Vec r = c + low;
    return {r, (c - r) + low, bits(shifted)};
}

ELMAN_INLINE Vec sin_polynomial(Vec r, Vec low) {
    const Vec z = r * r;
    Vec p = splat(1.0 / 355687428096000);
    p = p * z + -1.0 / 1307674368000;
    p = p * z + 1.0 / 6227020800;
    p = p * z + -1.0 / 39916800;
    p = p * z + 1.0 / 362880;
    p = p * z + -1.0 / 5040;
    p = p * z + 1.0 / 120;
    p = p * z + -1.0 / 6;
    return r + (p * (z * r) + low * (1.0 - z * 0.5));
}

ELMAN_INLINE Vec cos_polynomial(Vec r, Vec low) {
    const Vec z = r * r, half = z * 0.5, one = 1.0 - half;
    Vec p = splat(1.0 / 20922789888000);
    p = p * z + -1.0 / 87178291200;
    p = p * z + 1.0 / 479001600;
    p = p * z + -1.0 / 3628800;
    p = p * z + 1.0 / 40320;
    p = p * z + -1.0 / 720;
    p = p * z + 1.0 / 24;
    return one + (((1.0 - one) - half) + (p * (z * z) - r * low));
}

// sine for offset 0, cosine for offset 1; beyond kTrigLimit lane by lane in the C library
ELMAN_INLINE Vec trig(Vec x, int64_t offset) {
    const Int inside = absolute(x) <= kTrigLimit;  // false for NaN too
    const Quadrant q = reduce_trig(inside ? x : Vec{});
    const Int n = q.n + offset;
    Vec y = (n & 1) != 0 ? cos_polynomial(q.r, q.low) : sin_polynomial(q.r, q.low);
    y = from_bits(bits(y) ^ ((n & 2) << 62));
    int64_t all = -1;
    for (int i = 0; i < kLanes; ++i) all &= inside[i];
    if (__builtin_expect(all != -1, 0)) {
        for (int i = 0; i < kLanes; ++i)
            if (!inside[i]) y[i] = offset ? ::cos(x[i]) : ::sin(x[i]);
    }
    return y;
}

ELMAN_INLINE Vec sin(Vec x) { return x == 0.0 ? x : trig(x, 0); }  // sin -0 is -0
ELMAN_INLINE Vec cos(Vec x) { return trig(x, 1); }

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
