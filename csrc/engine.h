// The contract of the engine: what a Plan is, where its values live, what a run promises.
//
// The engine runs a Plan over time. It knows neither Python, nor torch, nor any cell: a cell's forward step and
// the adjoint derived from it are both just Plans, so one loop over time serves forward and backward.
//
// Dimensions (in this order wherever they stand together)
//   T  steps of the batch            B  sequences in the batch
//   W  width of a buffer in values   G  gates: blocks of a product's output, each of the stage's width
//   K  inner dimension of a product  rows: the sequences that one thread walks
//
// A run walks every sequence b over its own steps k = 0 .. length[b]-1; the time index is t = k, or
// length[b]-1-k when `reverse`. Nothing is read or computed past a sequence's length; every Sequence and State
// sequence that the Plan writes is filled with zeros there.
//
// With `spans`, sequences are cut into spans of time that do not meet: each is walked as a sequence of its own, from
// its first step or, when `reverse`, from its last. `initial`, `final` and `edge` below then have a row for each
// span instead of each sequence.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "error.h"
#include "real.h"

namespace ELMAN_SPACE {

// Where a value lives. All arrays are of Real (real.h); the last dimension is contiguous, the others have strides.
enum class Place : int32_t {
    Sequence = 0,  // (T, B, W), caller's. Read or written at (t, b). Null is allowed when it is only read: zeros.
    Shifted = 1,   // (T, B, W), caller's, read only: the value at the step this run visits next; on a sequence's
                   //   last step in this run, edge[b] of (B, W) instead (null: zeros). The adjoint of a cell walks
                   //   backward, so for it this is the cell's state before the step.
    State = 2,     // carried from step to step. previous = the value of step k-1, initial[b] of (B, W) at k = 0
                   //   (null: zeros); next = the value of step k. Optional outputs: sequence (T, B, W) takes `next`
                   //   of every step; final (B, W) takes the last `next` (initial, where the length is 0).
    Vector = 3,    // (W), caller's, read only, the same for every row and step.
    Sum = 4,       // (W), caller's, written once at the end: what Accumulate added over all rows, steps, threads.
    Scratch = 5,   // (rows, W), the engine's own; lives within one step.
};

enum class Side : int32_t { Previous = 0, Next = 1 };  // of a State; Previous for every other place

struct Buffer {
    Place place;
    int64_t width;
};

// W values of the current row: buffer[column ...].
struct Port {
    int32_t buffer;
    int64_t column;
    Side side;
};

// ---- product stage: out[r, :] = start + A[r, :] * M, for every row r that is active at this step ----
// A is the concatenation of segments (each K_s values behind a port), K = sum of K_s.
// weight (rows, columns), row-major, rows may be strided; row0 is the first row used.
//   transposed = false:  M[k, n] = weight[row0 + n, k]     n < G * width, K = columns      (forward: x Wᵀ)
//   transposed = true:   M[k, n] = weight[row0 + k, n]     G = 1, width = columns          (adjoint: dy W)
// heads > 1: the weight is block-diagonal. Every segment, every gate of the output and, where transposed, every
//   segment's rows of the weight are that many equal parts; part n of the output takes the n-th part of each segment:
//   transposed = false:  M_n[k, n'] = weight[row0 + n', k]            k < columns = K / heads
//   transposed = true:   M_n[k, n'] = weight[row0 + row of k, n']     n' < columns = width / heads
// start: zeros, or bias (a Vector port of G * width values), or what `out` already holds (accumulate), or both added.
struct Segment {
    Port port;
    int64_t length;
};

struct ProductStage {
    int32_t weight;
    int64_t row0;
    bool transposed;
    int64_t gates;
    int64_t width;
    std::vector<Segment> segments;
    Port out;
    bool has_bias;
    Port bias;
    bool accumulate;
    int64_t heads;
};

// ---- vector stage: a run of instructions over `width` lanes of one row ----
// Slots 0 .. ports.size()-1 are ports, the `registers` slots after them are tile-local and hold no value at the
// stage's start. Instructions run in order; dst may be a slot that is also an operand. All are lane by lane, but for
// `mean`, which takes the whole row: a plan that has one is never split by lanes.
#define ELMAN_OPCODES(X)                                                                                       \
    X(copy)          /* a                     */                                                               \
    X(constant)      /* beta, whatever a is   */                                                               \
    X(add)           /* a + b                 */                                                               \
    X(sub)           /* a - b                 */                                                               \
    X(mul)           /* a * b                 */                                                               \
    X(div)           /* a / b                 */                                                               \
    X(mul_add)       /* a * b + c             */                                                               \
    X(affine)        /* alpha * a + beta      */                                                               \
    X(maximum)       /* max(a, b), NaN wins   */                                                               \
    X(minimum)       /* min(a, b), NaN wins   */                                                               \
    X(abs)           /* |a|                   */                                                               \
    X(sign)          /* -1, 0 or 1; NaN: 0    */                                                               \
    X(heaviside)     /* a > 0 ? 1 : 0         */                                                               \
    X(select)        /* a > 0 ? b : c         */                                                               \
    X(sqrt)          /* square root           */                                                               \
    X(exp)           /* e^a                   */                                                               \
    X(log)           /* natural logarithm     */                                                               \
    X(log1p)         /* log(1 + a)            */                                                               \
    X(rsqrt)         /* 1 / sqrt(a)           */                                                               \
    X(tanh)          /* hyperbolic tangent    */                                                               \
    X(sigmoid)       /* 1 / (1 + e^-a)        */                                                               \
    X(relu)          /* max(a, 0), NaN stays  */                                                               \
    X(sin)           /* sine                  */                                                               \
    X(cos)           /* cosine                */                                                               \
    X(tanh_grad)     /* a * (1 - b^2)         */                                                               \
    X(sigmoid_grad)  /* a * b * (1 - b)       */                                                               \
    X(mean)          /* mean of a over the stage's lanes, in all of them */                                    \
    X(accumulate)    /* dst += a; dst must be a Sum port, and a Sum is written in no other way */

enum class Opcode : int32_t {
#define ELMAN_X(name) name,
    ELMAN_OPCODES(ELMAN_X)
#undef ELMAN_X
        count
};

int operand_count(Opcode op);  // 1: a, 2: a and b, 3: a, b and c

struct Instruction {
    Opcode op;
    int32_t dst, a, b, c;  // slots; operands that the opcode does not use are -1
    Real alpha, beta;     // immediates of `affine` and `constant`
};

struct VectorStage {
    int64_t width;
    std::vector<Port> ports;
    int32_t registers;
    std::vector<Instruction> instructions;
};

struct Stage {
    bool is_product;
    ProductStage product;
    VectorStage vector;
};

struct Weight {
    int64_t rows, columns;
};

// Stages run in order within a step. A stage reads what earlier stages of the step wrote, in whatever place.
struct Plan {
    std::vector<Buffer> buffers;
    std::vector<Weight> weights;
    std::vector<Stage> stages;
};

// ---- what the caller hands to one run ----
struct Array {  // a view of the caller's memory; strides in values; null data: absent
    Real* data = nullptr;
    int64_t stride_time = 0;
    int64_t stride_batch = 0;
};

struct BufferArrays {  // by place: Sequence main; Shifted main, initial (= edge); State initial, main (= sequence),
                       // final; Vector main; Sum main; Scratch none
    Array main, initial, final;
};

struct WeightArray {
    const Real* data = nullptr;
    int64_t stride_row = 0;
};

// How threads share the work. `rows` and `lanes` are for tests and measurements: they take all `threads`.
enum class Split : int32_t {
    automatic = 0,  // whichever suits the sizes; fewer threads where the work is small
    rows = 1,       // each thread walks its own sequences: no waiting
    lanes = 2,      // each thread computes its own lanes of every sequence and waits for the others at products;
                    //   EngineError where the Plan has a mean
};

struct Span {  // steps start .. start + length - 1 of a sequence
    int64_t sequence, start, length;
};

struct Run {
    int64_t steps = 0, batch = 0;      // T, B
    const int64_t* lengths = nullptr;  // (B), each in 0 .. T; null: all T
    const Span* spans = nullptr;       // instead of lengths: in order, those of a sequence one after the other from
    int64_t span_count = 0;            //   step 0 on; of length 0 only where a sequence has no steps
    bool reverse = false;
    bool bf16 = false;                 // products take their operands in bfloat16, and add in Real
    int threads = 1;
    Split split = Split::automatic;
    std::vector<BufferArrays> buffers;
    std::vector<WeightArray> weights;
};

// Throws EngineError when an index, width or size of the Plan cannot be (every message names the stage). Beyond
// that it holds a Plan to these rules, which the walk relies on:
//   - Vector, Shifted and the previous side of a State are never written; a Sum only by `accumulate`, never read
//   - Scratch, the next side of a State and registers are written before they are read, lane by lane
//   - every lane of a State's next side is written by some stage
//   - within a stage, what is written and what is read are the same lanes or lie apart
void check(const Plan& plan);

// For each buffer: whether some stage writes it.
std::vector<char> written_buffers(const Plan& plan);

// Runs a Plan that `check` has passed. Arrays that the Plan writes must not overlap others. Throws EngineError for
// bad sizes (overflow included) and std::bad_alloc; never aborts. A row's results are the same bits whatever the
// batch, the threads and the split; Sums depend on threads in their last bits.
void run(const Plan& plan, const Run& run);

// ---- the gradient of a weight: what leaves the loop backward through time ----
// out[m, n] = Σ d[t, b, m] * a[t, b, n] over every sequence's steps; added to `out` where `add`. Where `before`, a is
// taken from the step before (the walk's, which `reverse` turns round), and at a sequence's first step from
// edge[b] of (B, columns) (null: zeros).
struct OuterJob {
    Array d, a, edge;
    int64_t rows, columns;
    bool before;
    Real* out;
    int64_t stride_row;
    bool add;
};

// Does all jobs over the steps of one run. Each element adds its products in one order, from the last time that the
// walk comes to back to the first, whatever the threads: the same bits where the run is cut into pieces of time that
// are added from last to first.
void outer(const std::vector<OuterJob>& jobs, const Run& run);

}  // namespace ELMAN_SPACE
