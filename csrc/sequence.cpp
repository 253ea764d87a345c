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
        const int64_t offset = j * view.step + (j & 1) * view.slot;
        for (int64_t r = 0; r < inside; ++r) view.now[r] = view.first[r] + offset;
        for (int64_t r = inside; r < rows; ++r) view.now[r] = view.edge[r];
    }
}

// How many register tiles this thread's products take in a step of so many rows.
int64_t tiles_of_step(const Walk& walk, int64_t rows) {
    int64_t tiles = 0;
    for (int32_t s = 0; s < walk.stage_count; ++s) {
        const StageRecord& stage = walk.stages[s];
        if (!stage.is_product) continue;
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
void pair_rows(const Walk& walk, const StageRecord& stage, const SegmentRecord& segment, int64_t rows) {
#if ELMAN_PAIRS
    Real* const* from = walk.views[segment.port.view].now;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t head = 0; head < stage.heads; ++head)
            make_pairs(from[r] + segment.port.column + head * segment.values, segment.values,
                       walk.pair_rows[r] + head * segment.length);
#else
    (void)walk, (void)stage, (void)segment, (void)rows;
#endif
}

void product(const Walk& walk, const StageRecord& stage, int64_t rows, Ahead& ahead) {
    const View* views = walk.views;
    BlockCall block;
    block.ahead = &ahead;
    block.out = views[stage.out.view].now;
    block.out_column = stage.out.column;
    block.rows = rows;
    block.pairs = stage.pairs;
    block.bias = stage.bias.view < 0 ? nullptr : views[stage.bias.view].now[0] + stage.bias.column;
    block.start = stage.accumulate ? Start::held : (block.bias ? Start::bias : Start::zero);
    block.panel_row = 0;
    for (int32_t s = 0; s < stage.segment_count; ++s) {
        const SegmentRecord& segment = stage.segments[s];
        if (stage.pairs) pair_rows(walk, stage, segment, rows);
        block.a = stage.pairs ? walk.pair_rows : views[segment.port.view].now;
        const int64_t column = stage.pairs ? 0 : segment.port.column;
        for (int64_t k = 0; k < segment.length; k += kBlock) {
            block.a_column = column + k;
            block.a_part = segment.length;
            block.inner = segment.length - k < kBlock ? segment.length - k : kBlock;
            for (int32_t i = walk.first_range; i < walk.range_count; i += walk.range_step)
                product_block(block, stage.panels + stage.panel_start[i],
                              stage.panel_start[i + 1] - stage.panel_start[i], stage.few_rows);
            block.panel_row += block.inner;
            block.start = Start::held;
        }
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
        for (int32_t s = 0; s < walk.stage_count; ++s) {
            const StageRecord& stage = walk.stages[s];
            if (walk.barrier && stage.barrier) wait_for_others(*walk.barrier, walk.team);
            if (stage.is_product)
                product(walk, stage, rows, ahead);
            else
                vectors(walk, stage, rows);
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
