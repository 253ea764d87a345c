// The product kernel: out[rows, N] = start + A[rows, K] * M, with M packed in panels and rows in register tiles.
//
// A panel is K rows of up to NV vectors, contiguous; a tile is R rows by one panel of accumulators that stay in
// registers over a block of K. Each lane of each row adds its products in the same order whatever the tile, so a
// row's result does not depend on its neighbours.
#pragma once
#include "ahead.h"
#include "pairs.h"
#include "transpose.h"
#include "walk.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kRowTile = 8, kPanel = 3, kFewRows = 2, kFewPanel = 8;
#elif defined(__AVX2__)
constexpr int kRowTile = 4, kPanel = 3, kFewRows = 2, kFewPanel = 6;
#else
constexpr int kRowTile = 4, kPanel = 2, kFewRows = 2, kFewPanel = 4;
#endif

enum class Start { zero, bias, held, both };  // both: the bias added to what is held

struct TileCall {
    const Real* a[kRowTile];
    Real* out[kRowTile];
    const Real* panel;
    Real* to;                  // where a tile that packs leaves the panel, for the tiles behind it
    const Real* const* rows;   // and where it finds row k of it: rows[k] + column
    int64_t column;
    int32_t row_tail;          // lanes of the last vector there
    const Real* bias;
    int64_t inner;  // K of this block
    int32_t tail;   // lanes of the last vector
    Start start;
};

// sum + a[k] * m, or with Pairs the products of both halves (pairs.h)
template <bool Pairs>
ELMAN_INLINE Vec add_product(Vec sum, Vec x, Vec m) {
#if ELMAN_PAIRS
    if constexpr (Pairs) return dot_pairs(sum, x, m);
#endif
    return x * m + sum;
}

// Where the rows of a panel come from: packed before, or packed here. Packing waits for memory while the arithmetic
// has nothing to do; within the first tile it costs next to nothing.
enum class From { panel, rows };

// Rows lie far apart: the hardware does not foresee the next one.
constexpr int64_t kFetchAhead = 2 * kLanes;

template <int R, int NV, bool Pairs, From from = From::panel>
void tile(const TileCall& call) {
    Vec sum[R][NV];
    const int tail = call.tail;
    if (call.start == Start::zero) {
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < NV; ++v) sum[r][v] = Vec{};
    } else {
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const Real* held = call.start == Start::bias ? call.bias : call.out[r];
#pragma GCC unroll 16
            for (int v = 0; v < NV - 1; ++v) sum[r][v] = load(held + v * kLanes);
            const Real* last = held + (NV - 1) * kLanes;
            sum[r][NV - 1] = tail == kLanes ? load(last) : load_part(last, tail);
        }
        if (call.start == Start::both) {
#pragma GCC unroll 16
            for (int v = 0; v < NV; ++v) {
                const Real* column = call.bias + v * kLanes;
                const Vec bias = v < NV - 1 || tail == kLanes ? load(column) : load_part(column, tail);
#pragma GCC unroll 16
                for (int r = 0; r < R; ++r) sum[r][v] = sum[r][v] + bias;
            }
        }
    }
    const Real* a[R];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) a[r] = call.a[r];
    const Real* b = call.panel;
    Real* to = call.to;
    const int64_t inner = call.inner;
    for (int64_t k = 0; k < inner; ++k, b += NV * kLanes) {
        Vec m[NV];
        if constexpr (from == From::rows) {
            const Real* row = call.rows[k] + call.column;
            const Real* next = call.rows[k + kFetchAhead < inner ? k + kFetchAhead : k] + call.column;
#pragma GCC unroll 16
            for (int v = 0; v < NV; ++v) {
                __builtin_prefetch(next + v * kLanes, 0, 2);
                const bool whole = v < NV - 1 || call.row_tail == kLanes;
                m[v] = whole ? load(row + v * kLanes) : load_part(row + v * kLanes, call.row_tail);
                *reinterpret_cast<Vec*>(to + v * kLanes) = m[v];
            }
            to += NV * kLanes;
        } else {
#pragma GCC unroll 16
            for (int v = 0; v < NV; ++v) m[v] = *reinterpret_cast<const Vec*>(b + v * kLanes);
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            Vec x = splat(a[r][k]);
#pragma GCC unroll 16
            for (int v = 0; v < NV; ++v) sum[r][v] = add_product<Pairs>(sum[r][v], x, m[v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        Real* row = call.out[r];
#pragma GCC unroll 16
        for (int v = 0; v < NV - 1; ++v) store(row + v * kLanes, sum[r][v]);
        Real* last = row + (NV - 1) * kLanes;
        if (tail == kLanes)
            store(last, sum[r][NV - 1]);
        else
            store_part(last, sum[r][NV - 1], tail);
    }
}

typedef void (*TileFunction)(const TileCall&);

// tiles[rows - 1][vectors - 1]; null where the shape is never asked for
constexpr int kMostVectors = kFewPanel;
template <int R, int NV, bool Pairs>
constexpr TileFunction tile_or_null() {
    if constexpr (NV <= kPanel || (R <= kFewRows && NV <= kFewPanel))
        return tile<R, NV, Pairs>;
    else
        return nullptr;
}
#define ELMAN_TILES(R, P)                                                                                    \
    {                                                                                                        \
        tile_or_null<R, 1, P>(), tile_or_null<R, 2, P>(), tile_or_null<R, 3, P>(), tile_or_null<R, 4, P>(),  \
            tile_or_null<R, 5, P>(), tile_or_null<R, 6, P>(), tile_or_null<R, 7, P>(),                       \
            tile_or_null<R, 8, P>()                                                                          \
    }
#define ELMAN_TABLE(P)                                                                                       \
    {                                                                                                        \
        ELMAN_TILES(1, P), ELMAN_TILES(2, P), ELMAN_TILES(3, P), ELMAN_TILES(4, P),                          \
            ELMAN_TILES(kRowTile < 5 ? 1 : 5, P), ELMAN_TILES(kRowTile < 6 ? 1 : 6, P),                      \
            ELMAN_TILES(kRowTile < 7 ? 1 : 7, P), ELMAN_TILES(kRowTile < 8 ? 1 : 8, P)                       \
    }
typedef TileFunction TileTable[8][8];
constexpr TileTable kTiles = ELMAN_TABLE(false);
#if ELMAN_PAIRS
constexpr TileTable kPairTiles = ELMAN_TABLE(true);
#endif
#undef ELMAN_TABLE
#undef ELMAN_TILES

// A full tile that packs its panel: [vectors - 1].
constexpr TileFunction kPackingTiles[] = {tile<kRowTile, 1, false, From::rows>, tile<kRowTile, 2, false, From::rows>,
                                          tile<kRowTile, kPanel, false, From::rows>};

ELMAN_INLINE const TileTable& tiles_for(bool pairs) {
#if ELMAN_PAIRS
    if (pairs) return kPairTiles;
#else
    (void)pairs;
#endif
    return kTiles;
}

// All panels of this thread over one block of K, for `rows` rows.
struct BlockCall {
    Real* const* a;    // pointer of each row's A, before `a_column`
    Real* const* out;
    int64_t a_column, a_part, out_column;  // a_part: values of each head in A's segment
    int64_t panel_row, inner;  // rows panel_row .. panel_row + inner of each panel
    int64_t rows;
    const Real* bias;
    Start start;
    Ahead* ahead;
    bool backward;  // through the panels: what the step before read last is still in cache
    bool pairs;  // A and the panels hold pairs; columns, parts and rows of panels count them
};

void product_block(const BlockCall& block, const Panel* panels, int32_t count, bool few_rows) {
    // Panels wider than kPanel vectors were packed for at most kFewRows rows.
    const int64_t tile_rows = few_rows ? kFewRows : kRowTile;
    const int64_t tiles = (block.rows + tile_rows - 1) / tile_rows;
    const TileTable& table = tiles_for(block.pairs);
    TileCall call;
    call.inner = block.inner;
    call.start = block.start;
    for (int32_t p = 0; p < count; ++p) {
        const Panel& panel = panels[block.backward ? count - 1 - p : p];
        call.panel = panel.data + block.panel_row * panel.vectors * kLanes;
        call.bias = block.bias ? block.bias + panel.column : nullptr;
        call.tail = panel.lanes - (panel.vectors - 1) * kLanes;
        const int64_t a_column = block.a_column + panel.head * block.a_part;
        int64_t row = 0;
        for (int64_t i = 0; i < tiles; ++i) {
            const int64_t end = block.rows * (i + 1) / tiles;
            const int64_t n = end - row;
            for (int64_t r = 0; r < n; ++r) {
                call.a[r] = block.a[row + r] + a_column;
                call.out[r] = block.out[row + r] + block.out_column + panel.column;
            }
            block.ahead->some();
            table[n - 1][panel.vectors - 1](call);
            row = end;
        }
    }
}

// ---- packing ----
// Past the weight's end, prefetches touch nothing: any address is allowed.

constexpr int64_t kRowsAhead = 16;

// panel[to + k, n] = weight[n, k]: columns of the panel are rows of the weight
void pack_rows(const PackRecord& job) {
    const Panel& panel = *job.panel;
    const int64_t width = static_cast<int64_t>(panel.vectors) * kLanes;
    for (int64_t n = 0; n < width; n += kLanes) {
        const int64_t here = panel.lanes - n < kLanes ? panel.lanes - n : kLanes;
        const Real* from = job.weight + n * job.stride;
        Real* to = panel.data + job.to * width + n;
        int64_t k = 0;
        if (here == kLanes)
            for (; k + kLanes <= job.inner; k += kLanes)
                transpose_square(
                    [=](int i) {
                        // Weights lie in far caches when a run begins: the next rows come while these are turned.
                        __builtin_prefetch(from + (kLanes + i) * job.stride + k);
                        return from + i * job.stride + k;
                    },
                    to + k * width, width);
        for (; k < job.inner; ++k)
            for (int64_t l = 0; l < kLanes; ++l)
                to[k * width + l] = l < here ? from[l * job.stride + k] : 0.0f;
    }
}

// panel[to + k, n] = weight[k, n]
void pack_columns(const PackRecord& job) {
    const Panel& panel = *job.panel;
    const int64_t width = static_cast<int64_t>(panel.vectors) * kLanes;
    for (int64_t k = 0; k < job.inner; ++k) {
        const Real* from = job.weight + k * job.stride;
        Real* to = panel.data + (job.to + k) * width;
        for (int64_t n = 0; n < width; n += kLanes) {
            const int64_t here = panel.lanes - n;
            __builtin_prefetch(from + kRowsAhead * job.stride + n);
            store(to + n, here >= kLanes ? load(from + n) : load_part(from + n, here));
        }
    }
}

void pack(const PackRecord& job) {
#if ELMAN_PAIRS
    if (job.pairs) return job.transposed ? pack_pairs_of_columns(job) : pack_pairs_of_rows(job);
#endif
    if (job.transposed)
        pack_columns(job);
    else
        pack_rows(job);
}

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
