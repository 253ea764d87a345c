// What one thread needs to walk its sequences through time: a Plan resolved to plain pointers and counts.
//
// run.cpp fills these records once per run; the walk (sequence.cpp, compiled per instruction set) only reads
// them. Plain data only: no constructor, no template, nothing that two instruction sets could share by name.
#pragma once
#include "barrier.h"
#include "engine.h"

namespace ELMAN_SPACE {

constexpr int64_t kChunk = 256;     // lanes that the vector machine takes through all instructions at a time
constexpr int64_t kSumEvery = 32;   // rows added in Real before a Sum's partial goes into its double total
constexpr int64_t kBlock = 256;     // inner dimension that one pass over a panel covers
constexpr int64_t kOuterDepth = 256;  // rows that one pass over a block of a weight's gradient covers
constexpr int64_t kBlockRows = 16;  // rows that are worth a product of their own,
constexpr int64_t kManyBlockRows = 64;  // and where its weight has more values than a core's own cache
constexpr int64_t kCachedValues = (int64_t{2} << 20) / sizeof(Real);
constexpr int64_t kAlign = kCacheLine;  // rows and panels start at multiples of so many values (64 bytes)

// One (buffer, side) as the rows of one walk see it. At step k row r stands at
//   first[r] + j * step + (j & mask) * slot,   j = k + shift
// or at edge[r], where j falls outside the row's steps (Previous at k = 0, Shifted on the last step).
struct View {
    Real** first;
    Real** edge;   // null unless shift != 0
    Real** now;    // pointers of the current step
    int64_t step;   // floats from step to step, negative when time is reversed
    int64_t slot;   // floats between the copies of a buffer that has several,
    int64_t mask;   // and their number less one
    int32_t shift;  // Previous -1, Shifted +1, else 0
    bool fixed;     // `now` never changes
    bool ahead;     // worth fetching a step ahead: the caller's memory, not touched a step ago
    int64_t width;  // floats of a row
};

struct PortRecord {
    int32_t view;
    int64_t column;
};

// Places of a value that so many values take in a panel or a packed row: with `pairs` (pairs.h) two share one.
constexpr int64_t slots_of(int64_t values, bool pairs) { return pairs ? (values + 1) / 2 : values; }

struct SegmentRecord {
    PortRecord port;
    int64_t values;  // of each head's part
    int64_t length;  // of each head's part, in slots
};

// K rows of `vectors` vectors: the columns [column, column + lanes) of a product's output, all of one head.
struct Panel {
    Real* data;
    int64_t column;   // first column of out and of bias
    int32_t vectors;
    int32_t lanes;    // columns in it; the last vector may be partial, its other lanes are zero
    int64_t head;     // which part of each segment it takes
};

// When a stage runs: at its step; for a block of steps before the first of them; or after the last.
enum class When : int32_t { step, early, late };

struct StageRecord {
    bool is_product;
    When when;
    bool barrier;             // wait for the other threads of a hidden split before this stage
    const int64_t* bounds;    // lanes bounds[i] .. bounds[i+1] belong to range i
    // product
    const SegmentRecord* segments;
    int32_t segment_count;
    PortRecord out, bias;     // bias.view < 0: none
    bool accumulate;
    const Panel* panels;
    int32_t heads;
    bool pairs;               // operands and panels are pairs of bfloat16
    bool few_rows;            // panels are packed for the tile of few rows
    const int32_t* panel_start;  // panels panel_start[i] .. panel_start[i+1] belong to range i
    // vector
    const PortRecord* ports;
    int32_t port_count, slot_count;
    const Instruction* instructions;
    int32_t instruction_count;
    int64_t register_stride;     // lanes of a register: a chunk's, or the whole row's where the stage has a mean
    bool has_mean;
    const bool* uniform;         // for each instruction, where it has a mean: all lanes of its result are the same
};

struct SumRecord {
    Real* partial;
    double* total;
    int64_t width;
    int32_t buffer;
};

struct ScratchRecord {  // for poisoning in sanitized builds
    Real* data;
    int64_t floats;
};

struct Walk {
    int64_t steps;          // of the longest row
    const int64_t* active;  // active[k] rows take part in step k; active[steps] = 0
    View* views;
    int32_t view_count;
    const StageRecord* stages;
    int32_t stage_count;
    int64_t block;          // steps that early and late stages take at once, a power of two
    Real** block_a;         // room for the rows of a block
    Real** block_out;
    bool late;              // whether there are late stages
    int32_t first_range, range_step, range_count;  // the lane ranges that are this thread's
    Barrier* barrier;       // null when no other thread walks these rows
    int32_t team;
    Real* registers;       // those of one vector stage at a time
    Real** slots;          // room for the slots of the largest vector stage
    Real* pairs;           // every row's operand of a product as pairs, a row every pairs_stride slots
    Real** pair_rows;
    int64_t pairs_stride;
    SumRecord* sums;
    int32_t sum_count;
    ScratchRecord* scratch;
    int32_t scratch_count;
};

// Rows of a weight, to be packed into one panel from its row `to` on.
struct PackRecord {
    const Panel* panel;
    const Real* weight;   // the first value that goes there
    int64_t stride;
    bool transposed;
    int64_t inner;        // values of K: rows of the panel, or twice as many where it holds pairs
    int64_t to;
    bool pairs;
};

// rows x columns of a weight's gradient: out[m, n] (+)= Σ_k d[k][row + m] * a[k][column + n], k < depth.
struct OuterBlock {
    const Real* const* d;
    const Real* const* a;
    int64_t depth;
    int64_t row, rows, column, columns;
    Real* out;
    int64_t stride;
    bool add, pairs;
};

// What one thread packs into: for blocks of up to kOuterRows x kOuterColumns.
constexpr int64_t kOuterRows = 384, kOuterColumns = 256;
struct OuterRoom {
    Real* transposed;  // kOuterColumns * (kOuterDepth + kAlign)
    Real* panels;      // kOuterDepth * kOuterRows
    Real* block;       // kOuterColumns * (kOuterRows + kAlign)
};

// The functions of one instruction set.
struct Isa {
    bool pairs;  // whether it has products of bfloat16
    int lanes;
    int row_tile, panel_vectors;              // the register tile for many rows,
    int few_rows, few_rows_panel_vectors;     // and the one for at most few_rows rows
    void (*pack)(const PackRecord&);
    void (*walk)(Walk&);
    void (*outer)(const OuterBlock&, const OuterRoom&);
};

}  // namespace ELMAN_SPACE
