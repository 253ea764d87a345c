// Sums of outer products: out[m, n] = Σ_k d[k, m] * a[k, n], the gradient of a weight over all rows and steps.
//
// One call takes a block of `out` through all k: for so many rows at a time, a, which is mostly the narrower one, is
// transposed, and d packed in panels by the first tile that reads each; the product kernel's tiles add up the
// transposed block. Every element adds its products in the order of k, whatever the blocks and the threads.
#pragma once
#include "matmul.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

constexpr int64_t kDepth = kOuterDepth;
// Rows of the packed a: a little apart from 1 KiB, which would put them all into the same few cache sets.
constexpr int64_t kDepthStride = kDepth + kAlign;

ELMAN_INLINE void fetch(const Real* const* rows, int64_t k, int64_t depth, int64_t column) {
    if (k < depth) __builtin_prefetch(rows[k] + column, 0, 2);
}

// to[n, k] = rows[k][column + n], for n < lanes and k < depth
void pack_transposed(const Real* const* rows, int64_t depth, int64_t column, int64_t lanes, Real* to) {
    const int64_t whole = lanes / kLanes * kLanes;
    int64_t k = 0;
    for (; k + kLanes <= depth; k += kLanes)
        for (int64_t n = 0; n < whole; n += kLanes) {
            for (int i = 0; i < kLanes; ++i) fetch(rows, k + kFetchAhead + i, depth, column + n);
            transpose_square([=](int i) { return rows[k + i] + column + n; }, to + n * kDepthStride + k, kDepthStride);
        }
    for (int64_t from = 0; from < depth; ++from)
        for (int64_t n = from < k ? whole : 0; n < lanes; ++n) to[n * kDepthStride + from] = rows[from][column + n];
}

// The panels of `lanes` columns, as even as can be: panel p begins at vector first_vector(p).
struct PanelSplit {
    int64_t vectors, count;
    explicit PanelSplit(int64_t lanes)
        : vectors((lanes + kLanes - 1) / kLanes), count((vectors + kPanel - 1) / kPanel) {}
    int64_t first_vector(int64_t p) const { return vectors * p / count; }
};

// Panels of `depth` rows over columns column .. column + lanes, one after the other.
void pack_panels(const Real* const* rows, int64_t depth, int64_t column, int64_t lanes, Real* to) {
    const PanelSplit split(lanes);
    for (int64_t k = 0; k < depth; ++k)
        for (int64_t p = 0; p < split.count; ++p) {
            const int64_t first = split.first_vector(p), wide = split.first_vector(p + 1) - first;
            Real* panel = to + (first * depth + k * wide) * kLanes;
            for (int64_t v = 0; v < wide; ++v) {
                const int64_t n = (first + v) * kLanes, left = lanes - n;
                fetch(rows, k + kFetchAhead, depth, column + n);
                const Real* from = rows[k] + column + n;
                store(panel + v * kLanes, left >= kLanes ? load(from) : load_part(from, left));
            }
        }
}

#if ELMAN_PAIRS

// The pairs of rows k and k + 1 (zeros past the last row) at columns column .. column + up to 16.
ELMAN_INLINE Vec pairs_of_rows(const Real* const* rows, int64_t k, int64_t depth, int64_t column, int64_t lanes) {
    const Vec first = load_up_to(rows[k] + column, lanes);
    return pairs_across(first, k + 1 < depth ? load_up_to(rows[k + 1] + column, lanes) : Vec{});
}

// to[n, j] = the pair rows[2j][column + n], rows[2j + 1][column + n]
void pack_pairs_transposed(const Real* const* rows, int64_t depth, int64_t column, int64_t lanes, Real* to) {
    const int64_t slots = slots_of(depth, true);
    for (int64_t j = 0; j < slots; j += kLanes)
        for (int64_t n = 0; n < lanes; n += kLanes) {
            const int64_t here = lanes - n < kLanes ? lanes - n : kLanes;
            Real square[kLanes][kLanes] = {}, turned[kLanes][kLanes];
            for (int64_t i = 0; i < kLanes && j + i < slots; ++i) {
                fetch(rows, 2 * (j + i) + kFetchAhead, depth, column + n);
                fetch(rows, 2 * (j + i) + 1 + kFetchAhead, depth, column + n);
                store(square[i], pairs_of_rows(rows, 2 * (j + i), depth, column + n, here));
            }
            transpose_square([&](int i) { return square[i]; }, turned[0], kLanes);
            for (int64_t l = 0; l < here; ++l) store(to + (n + l) * kDepthStride + j, load(turned[l]));
        }
}

// pack_panels, of pairs
void pack_pair_panels(const Real* const* rows, int64_t depth, int64_t column, int64_t lanes, Real* to) {
    const PanelSplit split(lanes);
    const int64_t slots = slots_of(depth, true);
    for (int64_t j = 0; j < slots; ++j)
        for (int64_t p = 0; p < split.count; ++p) {
            const int64_t first = split.first_vector(p), wide = split.first_vector(p + 1) - first;
            Real* panel = to + (first * slots + j * wide) * kLanes;
            for (int64_t v = 0; v < wide; ++v) {
                const int64_t n = (first + v) * kLanes;
                fetch(rows, 2 * j + kFetchAhead, depth, column + n);
                fetch(rows, 2 * j + 1 + kFetchAhead, depth, column + n);
                store(panel + v * kLanes, pairs_of_rows(rows, 2 * j, depth, column + n, lanes - n));
            }
        }
}

#endif

// Whether the first tile of each panel packs it.
bool packs_on_the_way(const OuterBlock& block) { return !block.pairs && block.columns >= kRowTile; }

// Both operands of a block's rows k .. k + depth, but for panels that are packed on the way.
void pack_operands(const OuterBlock& block, int64_t k, int64_t depth, const OuterRoom& room) {
#if ELMAN_PAIRS
    if (block.pairs) {
        pack_pairs_transposed(block.a + k, depth, block.column, block.columns, room.transposed);
        return pack_pair_panels(block.d + k, depth, block.row, block.rows, room.panels);
    }
#endif
    pack_transposed(block.a + k, depth, block.column, block.columns, room.transposed);
    if (!packs_on_the_way(block)) pack_panels(block.d + k, depth, block.row, block.rows, room.panels);
}

// to[j, i] = from[i, j], for i < rows and j < columns
void transpose(const Real* from, int64_t from_stride, int64_t rows, int64_t columns, Real* to, int64_t to_stride) {
    const int64_t whole_rows = rows / kLanes * kLanes, whole_columns = columns / kLanes * kLanes;
    for (int64_t i = 0; i < whole_rows; i += kLanes)
        for (int64_t j = 0; j < whole_columns; j += kLanes)
            transpose_square([=](int r) { return from + (i + r) * from_stride + j; }, to + j * to_stride + i, to_stride);
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)
            to[j * to_stride + i] = from[i * from_stride + j];
}

void outer_block(const OuterBlock& block, const OuterRoom& room) {
    const PanelSplit split(block.rows);
    const int64_t stride = split.vectors * kLanes + kAlign;  // of the transposed block
    if (block.add) transpose(block.out, block.stride, block.rows, block.columns, room.block, stride);
    TileCall call;
    call.bias = nullptr;
    const TileTable& table = tiles_for(block.pairs);
    const int64_t most = block.pairs ? 2 * kDepth : kDepth;
    for (int64_t k = 0; k < block.depth; k += most) {
        const int64_t depth = block.depth - k < most ? block.depth - k : most;
        pack_operands(block, k, depth, room);
        call.inner = slots_of(depth, block.pairs);
        call.start = k > 0 || block.add ? Start::held : Start::zero;
        for (int64_t p = 0; p < split.count; ++p) {
            const int64_t first = split.first_vector(p), wide = split.first_vector(p + 1) - first;
            const int64_t left = block.rows - (first + wide - 1) * kLanes;
            call.panel = call.to = room.panels + first * call.inner * kLanes;
            call.rows = block.d + k;
            call.column = block.row + first * kLanes;
            call.row_tail = static_cast<int32_t>(left < kLanes ? left : kLanes);
            call.tail = kLanes;
            for (int64_t n = 0; n < block.columns; n += kRowTile) {
                const int64_t count = block.columns - n < kRowTile ? block.columns - n : kRowTile;
                for (int64_t r = 0; r < count; ++r) {
                    call.a[r] = room.transposed + (n + r) * kDepthStride;
                    call.out[r] = room.block + (n + r) * stride + first * kLanes;
                }
                const bool packing = n == 0 && packs_on_the_way(block);
                (packing ? kPackingTiles[wide - 1] : table[count - 1][wide - 1])(call);
            }
        }
    }
    if (block.depth > 0) transpose(room.block, stride, block.columns, block.rows, block.out, block.stride);
}

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
