// The loop over time, for any Plan: compiled once per instruction set (ELMAN_ISA names the copy).
#include "machine.h"
#include "matmul.h"
#include "outer.h"
#include "walk.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

// Moves every view's row pointers to step k.
void move_views(const Walk& walk, int64_t k, int64_t rows) {
    for (int32_t v = 0; v < walk.view_count; ++v) {
        View& view = walk.views[v];
        if (view.fixed) continue;
        int64_t inside = rows;  // rows whose step j exists; they come first, as rows are sorted by length
        if (view.shift < 0 && k == 0) inside = 0;
        if (view.shift > 0) inside = walk.active[k + 1];
        const int64_t j = k + view.shift;
        const int64_t offset = j * view.step + (j & view.mask) * view.slot;
        for (int64_t r = 0; r < inside; ++r) view.now[r] = view.first[r] + offset;
        for (int64_t r = inside; r < rows; ++r) view.now[r] = view.edge[r];
    }
}

// How many register tiles this thread's products take in a step of so many rows.
int64_t tiles_of_step(const Walk& walk, int64_t rows) {
    int64_t tiles = 0;
    for (int32_t s = 0; s < walk.stage_count; ++s) {
        const StageRecord& stage = walk.stages[s];
        if (!stage.is_product || (walk.block > 1 && stage.when != When::step)) continue;
        const int64_t tile_rows = stage.few_rows ? kFewRows : kRowTile;
        int64_t blocks = 0, panels = 0;
        for (int32_t i = 0; i < stage.segment_count; ++i)
            blocks += (stage.segments[i].length + kBlock - 1) / kBlock;
        for (int32_t i = walk.first_range; i < walk.range_count; i += walk.range_step)
            panels += stage.panel_start[i + 1] - stage.panel_start[i];
        tiles += blocks * panels * ((rows + tile_rows - 1) / tile_rows);
    }
    return tiles;
}

// A segment's rows as pairs, head by head.
void pair_rows(const Walk& walk, const StageRecord& stage, const SegmentRecord& segment, Real* const* from,
               int64_t rows) {
#if ELMAN_PAIRS
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t head = 0; head < stage.heads; ++head)
            make_pairs(from[r] + segment.port.column + head * segment.values, segment.values,
                       walk.pair_rows[r] + head * segment.length);
#else
    (void)walk, (void)stage, (void)segment, (void)from, (void)rows;
#endif
}

// `out` are the rows of the result, rows_of(segment) those of its operands, as many.
template <class RowsOf>
void product(const Walk& walk, const StageRecord& stage, Real* const* out, int64_t rows, RowsOf rows_of, Ahead& ahead,
             bool backward) {
    BlockCall block;
    block.backward = backward;
    block.ahead = &ahead;
    block.out = out;
    block.out_column = stage.out.column;
    block.rows = rows;
    block.pairs = stage.pairs;
    block.bias = stage.bias.view < 0 ? nullptr : walk.views[stage.bias.view].now[0] + stage.bias.column;
    if (stage.accumulate)
        block.start = block.bias ? Start::both : Start::held;
    else
        block.start = block.bias ? Start::bias : Start::zero;
    block.panel_row = 0;
    for (int32_t s = 0; s < stage.segment_count; ++s) {
        const SegmentRecord& segment = stage.segments[s];
        block.a = rows_of(segment);
        if (stage.pairs) {
            pair_rows(walk, stage, segment, block.a, rows);
            block.a = walk.pair_rows;
        }
        const int64_t column = stage.pairs ? 0 : segment.port.column;
        block.a_part = segment.length;
        for (int64_t k = 0; k < segment.length; k += kBlock) {
            block.a_column = column + k;
            block.inner = segment.length - k < kBlock ? segment.length - k : kBlock;
            for (int32_t i = walk.first_range; i < walk.range_count; i += walk.range_step)
                product_block(block, stage.panels + stage.panel_start[i],
                              stage.panel_start[i + 1] - stage.panel_start[i], stage.few_rows);
            block.panel_row += block.inner;
            block.start = Start::held;
        }
    }
}

void step_product(const Walk& walk, const StageRecord& stage, int64_t rows, Ahead& ahead, int64_t k) {
    const auto now = [&](const SegmentRecord& segment) { return walk.views[segment.port.view].now; };
    product(walk, stage, walk.views[stage.out.view].now, rows, now, ahead, k % 2 != 0);
}

// The rows of a view over steps first .. last.
int64_t rows_of_block(const Walk& walk, const View& view, int64_t first, int64_t last, Real** to) {
    int64_t count = 0;
    for (int64_t k = first; k <= last; ++k) {
        const int64_t offset = k * view.step + (k & view.mask) * view.slot;
        for (int64_t r = 0; r < walk.active[k]; ++r) to[count++] = view.first[r] + offset;
    }
    return count;
}

// All stages of that kind, for steps first .. last.
void block_products(const Walk& walk, When when, int64_t first, int64_t last, Ahead& ahead) {
    for (int32_t s = 0; s < walk.stage_count; ++s) {
        const StageRecord& stage = walk.stages[s];
        if (stage.when != when) continue;
        const int64_t rows = rows_of_block(walk, walk.views[stage.out.view], first, last, walk.block_out);
        const auto gathered = [&](const SegmentRecord& segment) {
            rows_of_block(walk, walk.views[segment.port.view], first, last, walk.block_a);
            return walk.block_a;
        };
        product(walk, stage, walk.block_out, rows, gathered, ahead, false);
    }
}

void vectors(const Walk& walk, const StageRecord& stage, int64_t rows) {
    Real** slots = walk.slots;
    for (int32_t s = stage.port_count; s < stage.slot_count; ++s)
        slots[s] = walk.registers + (s - stage.port_count) * stage.register_stride;
    for (int32_t i = walk.first_range; i < walk.range_count; i += walk.range_step) {
        const int64_t low = stage.bounds[i], high = stage.bounds[i + 1];
        if (low >= high) continue;
        for (int64_t r = 0; r < rows; ++r) {
            for (int32_t p = 0; p < stage.port_count; ++p)
                slots[p] = walk.views[stage.ports[p].view].now[r] + stage.ports[p].column;
            if (stage.has_mean)
                run_row(stage, slots, high);
            else
                run_chunks(stage, slots, low, high);
        }
    }
}

// Partial sums stay short in float and go on in double, so the order of rows and threads hardly shows.
void flush_sums(const Walk& walk) {
    for (int32_t s = 0; s < walk.sum_count; ++s) {
        const SumRecord& sum = walk.sums[s];
        for (int64_t i = 0; i < sum.width; ++i) {
            sum.total[i] += static_cast<double>(sum.partial[i]);
            sum.partial[i] = 0.0f;
        }
    }
}

void poison_scratch(const Walk& walk) {
#if defined(ELMAN_POISON)
    if (walk.barrier) return;
    for (int32_t s = 0; s < walk.scratch_count; ++s)
        for (int64_t i = 0; i < walk.scratch[s].floats; ++i) walk.scratch[s].data[i] = __builtin_nanf("");
#else
    (void)walk;
#endif
}

void walk_sequences(Walk& walk) {
    int64_t added = 0;
    Ahead ahead;
    for (int64_t k = 0; k < walk.steps; ++k) {
        const int64_t rows = walk.active[k];
        poison_scratch(walk);
        move_views(walk, k, rows);
        ahead.start(walk, k + 1, tiles_of_step(walk, rows));
        if (walk.block > 1 && k % walk.block == 0) {
            const int64_t last = k + walk.block <= walk.steps ? k + walk.block - 1 : walk.steps - 1;
            block_products(walk, When::early, k, last, ahead);
        }
        for (int32_t s = 0; s < walk.stage_count; ++s) {
            const StageRecord& stage = walk.stages[s];
            if (walk.block > 1 && stage.when != When::step) continue;
            if (walk.barrier && stage.barrier) wait_for_others(*walk.barrier, walk.team);
            if (stage.is_product)
                step_product(walk, stage, rows, ahead, k);
            else
                vectors(walk, stage, rows);
        }
        if (walk.block > 1 && walk.late && (k % walk.block == walk.block - 1 || k + 1 == walk.steps)) {
            if (walk.barrier) wait_for_others(*walk.barrier, walk.team);
            block_products(walk, When::late, k / walk.block * walk.block, k, ahead);
        }
        added += rows;
        if (added >= kSumEvery || k + 1 == walk.steps) {
            flush_sums(walk);
            added = 0;
        }
    }
}

}  // namespace

extern const Isa isa;
const Isa isa = {ELMAN_PAIRS != 0, kLanes, kRowTile, kPanel, kFewRows, kFewPanel, pack, walk_sequences, outer_block};

}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
