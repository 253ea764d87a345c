// Fetching the next step's rows into the second-level cache while this step's products keep the arithmetic busy.
//
// What a step reads and writes over time lies megabytes apart from step to step, too short and too far for the
// hardware's own prefetching; waiting for it took a fifth of the backward pass of an LSTM of 128.
#pragma once
#include "walk.h"

namespace ELMAN_SPACE {
namespace ELMAN_ISA {
namespace {

// Goes through the rows of step k of all views that move through the caller's memory, a few lines at a time.
struct Ahead {
    const Walk* walk;
    int64_t k, rows, each;  // lines for each call of some()
    int32_t view;
    int64_t row, column;

    // Lines of step k are to be spread over so many calls.
    void start(const Walk& of, int64_t step, int64_t calls) {
        walk = &of;
        k = step;
        rows = of.active[step];
        view = -1;
        int64_t lines = 0;
        for (int32_t v = 0; v < of.view_count; ++v)
            if (of.views[v].ahead) lines += rows * ((of.views[v].width + kCacheLine - 1) / kCacheLine);
        each = calls > 0 ? (lines + calls - 1) / calls : 0;
        next_view();
    }

    void next_view() {
        do ++view;
        while (view < walk->view_count && !walk->views[view].ahead);
        row = column = 0;
        if (rows == 0) view = walk->view_count;
    }

    void some() {
        for (int64_t left = each; left > 0 && view < walk->view_count;) {
            const View& from = walk->views[view];
            // Past the last step this points outside of the array; a prefetch of any address is harmless.
            const Real* data = from.first[row] + (k + from.shift) * from.step;
            for (; left > 0 && column < from.width; column += kCacheLine, --left)
                __builtin_prefetch(data + column, 0, 2);
            if (column < from.width) return;
            column = 0;
            if (++row == rows) next_view();
        }
    }
};

}  // namespace
}  // namespace ELMAN_ISA
}  // namespace ELMAN_SPACE
