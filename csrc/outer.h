// Sums of outer products: out[m, n] = Σ_k d[k, m] * a[k, n], the gradient of a weight over all rows and steps.
//
// One call takes a block of `out` through all k: for so many rows at a time, d is packed in panels and a, which is
// mostly the narrower one, transposed; the product kernel's tiles add up the transposed block. Every element adds
// its products in the order of k, whatever the blocks and the threads.
#pragma once
#include "matmul.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

constexpr int64_t kDepth = kOuterDepth;
// Rows of the packed a: a little apart from 1 KiB, which would put them all into the same few cache sets.
constexpr int64_t kDepthStride = kDepth + kAlign;

constexpr int64_t kFetchAhead = 2 * kLanes;

// Rows lie far apart: the hardware does not foresee the next one.
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
    for (int64_t k = 0; k < block.depth; k += kDepth) {
        const int64_t depth = block.depth - k < kDepth ? block.depth - k : kDepth;
        pack_transposed(block.a + k, depth, block.column, block.columns, room.transposed);
        pack_panels(block.d + k, depth, block.row, block.rows, room.panels);
        call.inner = depth;
        call.start = k > 0 || block.add ? Start::held : Start::zero;
        for (int64_t p = 0; p < split.count; ++p) {
            const int64_t first = split.first_vector(p), wide = split.first_vector(p + 1) - first;
            call.panel = room.panels + first * depth * kLanes;
            call.tail = kLanes;
            for (int64_t n = 0; n < block.columns; n += kRowTile) {
                const int64_t count = block.columns - n < kRowTile ? block.columns - n : kRowTile;
                for (int64_t r = 0; r < count; ++r) {
                    call.a[r] = room.transposed + (n + r) * kDepthStride;
                    call.out[r] = room.block + (n + r) * stride + first * kLanes;
                }
                kTiles[count - 1][wide - 1](call);
            }
        }
    }
    if (block.depth > 0) transpose(room.block, stride, block.columns, block.rows, block.out, block.stride);
}

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
