// The vector machine: a run of instructions over the lanes of one row, a chunk at a time, so that every value
// between two instructions stays in the first-level cache. An instruction is one switch and one tight loop.
#pragma once
#if defined(ELMAN_DOUBLE)
#include "math_double.h"
#else
#include "math.h"
#endif
#include "walk.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

template <class F>
ELMAN_INLINE void map1(int64_t n, Real* d, const Real* a, F f) {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(d + i, f(load(a + i)));
    if (i < n) store_part(d + i, f(load_part(a + i, n - i)), n - i);
}

template <class F>
ELMAN_INLINE void map2(int64_t n, Real* d, const Real* a, const Real* b, F f) {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(d + i, f(load(a + i), load(b + i)));
    if (i < n) store_part(d + i, f(load_part(a + i, n - i), load_part(b + i, n - i)), n - i);
}

template <class F>
ELMAN_INLINE void map3(int64_t n, Real* d, const Real* a, const Real* b, const Real* c, F f) {
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(d + i, f(load(a + i), load(b + i), load(c + i)));
    if (i < n)
        store_part(d + i, f(load_part(a + i, n - i), load_part(b + i, n - i), load_part(c + i, n - i)), n - i);
}

#define ELMAN_LAMBDA(expression, ...) [=](__VA_ARGS__) __attribute__((always_inline)) -> Vec { return expression; }
#define ELMAN_F1(expression) map1(n, d, a, ELMAN_LAMBDA(expression, Vec x))
#define ELMAN_F2(expression) map2(n, d, a, b, ELMAN_LAMBDA(expression, Vec x, Vec y))
#define ELMAN_F3(expression) map3(n, d, a, b, c, ELMAN_LAMBDA(expression, Vec x, Vec y, Vec z))

// a, b, c are read only as far as the opcode uses them.
ELMAN_INLINE void execute(Opcode op, int64_t n, Real* d, const Real* a, const Real* b, const Real* c,
                          Real alpha, Real beta) {
    const Vec zero = {}, one = splat(1.0f);
    switch (op) {
        case Opcode::copy: ELMAN_F1(x); break;
        case Opcode::constant: map1(n, d, a, [=](Vec) __attribute__((always_inline)) -> Vec { return splat(beta); }); break;
        case Opcode::add: ELMAN_F2(x + y); break;
        case Opcode::sub: ELMAN_F2(x - y); break;
        case Opcode::mul: ELMAN_F2(x * y); break;
        case Opcode::div: ELMAN_F2(x / y); break;
        case Opcode::mul_add: ELMAN_F3(x * y + z); break;
        case Opcode::affine: ELMAN_F1(x * alpha + beta); break;
        case Opcode::maximum: ELMAN_F2(((x > y) | (x != x)) ? x : y); break;
        case Opcode::minimum: ELMAN_F2(((x < y) | (x != x)) ? x : y); break;
        case Opcode::abs: ELMAN_F1(absolute(x)); break;
        case Opcode::sign: ELMAN_F1(x > zero ? one : (x < zero ? -one : zero)); break;
        case Opcode::heaviside: ELMAN_F1(x > zero ? one : zero); break;
        case Opcode::select: ELMAN_F3(x > zero ? y : z); break;
        case Opcode::sqrt: ELMAN_F1(square_root(x)); break;
        case Opcode::rsqrt: ELMAN_F1(one / square_root(x)); break;
        case Opcode::exp: ELMAN_F1(exp(x)); break;
        case Opcode::log: ELMAN_F1(log(x)); break;
        case Opcode::log1p: ELMAN_F1(log1p(x)); break;
        case Opcode::tanh: ELMAN_F1(tanh(x)); break;
        case Opcode::sigmoid: ELMAN_F1(sigmoid(x)); break;
        case Opcode::relu: ELMAN_F1(x <= zero ? zero : x); break;
        case Opcode::sin: ELMAN_F1(sin(x)); break;
        case Opcode::cos: ELMAN_F1(cos(x)); break;
        case Opcode::tanh_grad: ELMAN_F2(x * (one - y * y)); break;
        case Opcode::sigmoid_grad: ELMAN_F2(x * y * (one - y)); break;
        case Opcode::accumulate: map2(n, d, d, a, ELMAN_LAMBDA(x + y, Vec x, Vec y)); break;
        case Opcode::mean: break;  // takes the row: run_row
        case Opcode::count: break;
    }
}

#undef ELMAN_F1
#undef ELMAN_F2
#undef ELMAN_F3
#undef ELMAN_LAMBDA

// Slots of the ports point at lane 0 of the row and are moved from chunk to chunk; those of the registers stay.
void run_chunks(const StageRecord& stage, Real** slots, int64_t low, int64_t high) {
    for (int32_t p = 0; p < stage.port_count; ++p) slots[p] += low;
    for (int64_t lane = low; lane < high; lane += kChunk) {
        const int64_t n = high - lane < kChunk ? high - lane : kChunk;
        for (int32_t i = 0; i < stage.instruction_count; ++i) {
            const Instruction& it = stage.instructions[i];
            // Unused operands are -1 in the plan and were set to slot 0 by run.cpp: never read, always a slot.
            execute(it.op, n, slots[it.dst], slots[it.a], slots[it.b], slots[it.c], it.alpha, it.beta);
        }
        for (int32_t p = 0; p < stage.port_count; ++p) slots[p] += kChunk;
    }
}

ELMAN_INLINE void fill(int64_t n, Real* d, Real value) {
    const Vec all = splat(value);
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(d + i, all);
    if (i < n) store_part(d + i, all, n - i);
}

Real mean_of(int64_t n, const Real* a) {
    Vec sums[4] = {};
    int64_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes)
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) sums[v] = sums[v] + load(a + i + v * kLanes);
    for (; i + kLanes <= n; i += kLanes) sums[0] = sums[0] + load(a + i);
    if (i < n) sums[1] = sums[1] + load_part(a + i, n - i);
    const Vec sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    Real total = 0;
    for (int l = 0; l < kLanes; ++l) total += sum[l];
    return total / static_cast<Real>(n);
}

// A row with means: what stands between two of them goes through all chunks, then the mean is taken of the row.
// Registers are as long as the row. Where all lanes are the same, one vector is computed.
void run_row(const StageRecord& stage, Real** slots, int64_t width) {
    for (int32_t first = 0, next; first < stage.instruction_count; first = next + 1) {
        next = first;
        while (next < stage.instruction_count && stage.instructions[next].op != Opcode::mean) ++next;
        for (int64_t lane = 0; lane < width && first < next; lane += kChunk) {
            const int64_t n = width - lane < kChunk ? width - lane : kChunk;
            for (int32_t i = first; i < next; ++i) {
                const Instruction& it = stage.instructions[i];
                Real* d = slots[it.dst] + lane;
                const bool one = stage.uniform[i] && n > kLanes;
                execute(it.op, one ? kLanes : n, d, slots[it.a] + lane, slots[it.b] + lane, slots[it.c] + lane,
                        it.alpha, it.beta);
                if (one) fill(n - kLanes, d + kLanes, d[0]);
            }
        }
        if (next == stage.instruction_count) return;
        const Instruction& it = stage.instructions[next];
        fill(width, slots[it.dst], mean_of(width, slots[it.a]));
    }
}

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
