// Weight gradients: blocks of them dealt to threads.
#include <algorithm>
#include <atomic>
#include <string>

#include "arena.h"
#include "dispatch.h"
#include "team.h"

namespace ELMAN_SPACE {
namespace {

// The rows of one job in the order in which they are added.
struct OuterRows {
    std::vector<const Real*> d, a;
};

int64_t length_of(const Run& run, int64_t b) { return run.lengths != nullptr ? run.lengths[b] : run.steps; }

OuterRows rows_of(const OuterJob& job, const Run& run, int64_t steps, const Real* zeros) {
    OuterRows rows;
    for (int64_t i = 0; i < steps; ++i)
        for (int64_t b = 0; b < run.batch; ++b) {
            const int64_t length = length_of(run, b), time = run.reverse ? i : steps - 1 - i;
            if (time >= length) continue;
            const int64_t k = run.reverse ? length - 1 - time : time;
            const auto at = [&](const Array& array, int64_t step) -> const Real* {
                const int64_t t = run.reverse ? length - 1 - step : step;
                return array.data + t * array.stride_time + b * array.stride_batch;
            };
            rows.d.push_back(at(job.d, k));
            if (!job.before)
                rows.a.push_back(at(job.a, k));
            else if (k > 0)
                rows.a.push_back(at(job.a, k - 1));
            else
                rows.a.push_back(job.edge.data == nullptr ? zeros : job.edge.data + b * job.edge.stride_batch);
        }
    return rows;
}

// Even pieces of at most `most`, in whole tiles.
int64_t piece(int64_t size, int64_t most, int64_t tile) {
    const int64_t pieces = (size + most - 1) / most, each = (size + pieces - 1) / pieces;
    return (each + tile - 1) / tile * tile;
}

std::vector<OuterBlock> blocks_of(const std::vector<OuterJob>& jobs, const std::vector<OuterRows>& rows,
                                  int64_t most_rows, bool bf16) {
    std::vector<OuterBlock> blocks;
    for (size_t j = 0; j < jobs.size(); ++j) {
        const OuterJob& job = jobs[j];
        if (job.rows == 0 || job.columns == 0) continue;
        const int64_t tall = piece(job.rows, most_rows, 48), wide = piece(job.columns, kOuterColumns, 8);
        for (int64_t m = 0; m < job.rows; m += tall)
            for (int64_t n = 0; n < job.columns; n += wide)
                blocks.push_back({rows[j].d.data(), rows[j].a.data(), static_cast<int64_t>(rows[j].d.size()), m,
                                  std::min(tall, job.rows - m), n, std::min(wide, job.columns - n),
                                  job.out + m * job.stride_row + n, job.stride_row, job.add, bf16});
    }
    const auto work = [](const OuterBlock& block) { return block.depth * block.rows * block.columns; };
    std::stable_sort(blocks.begin(), blocks.end(),
                     [&](const OuterBlock& x, const OuterBlock& y) { return work(x) > work(y); });
    return blocks;
}

}  // namespace

void outer(const std::vector<OuterJob>& jobs, const Run& run) {
    const Isa& isa = kernels();
    check_bf16(run, isa);
    int64_t steps = 0, widest = 1, work = 0;
    for (int64_t b = 0; b < run.batch; ++b) steps = std::max(steps, length_of(run, b));
    for (const OuterJob& job : jobs) {
        widest = std::max(widest, job.columns);
        work += job.rows * job.columns;
    }
    const std::vector<Real> zeros(static_cast<size_t>(widest), Real{0});
    std::vector<OuterRows> rows;
    for (const OuterJob& job : jobs) {
        rows.push_back(rows_of(job, run, steps, zeros.data()));
        if (!job.add && rows.back().d.empty())
            for (int64_t m = 0; m < job.rows; ++m)
                std::fill_n(job.out + m * job.stride_row, job.columns, Real{0});
    }
    // A thread is woken for 10 µs of work, at some 50 products a nanosecond.
    const double worth = static_cast<double>(work) * static_cast<double>(rows.empty() ? 0 : rows[0].d.size()) / 5e5;
    const int threads = std::clamp(static_cast<int>(worth), 1, run.threads);
    std::vector<OuterBlock> blocks = blocks_of(jobs, rows, kOuterRows, run.bf16);
    for (int64_t most = kOuterRows / 2; most >= 48 && blocks.size() < size_t{4} * static_cast<size_t>(threads); most /= 2)
        if (threads > 1) blocks = blocks_of(jobs, rows, most, run.bf16);
    std::atomic<size_t> next{0};
    on_team(threads, [&](int, int) {
        thread_local Arena arena;
        struct Reset {
            ~Reset() { arena.reset(); }
        } reset;
        const OuterRoom room = {arena.get<Real>(kOuterColumns * (kOuterDepth + kAlign)),
                                arena.get<Real>(kOuterDepth * kOuterRows),
                                arena.get<Real>(kOuterColumns * (kOuterRows + kAlign))};
        for (size_t i; (i = next.fetch_add(1)) < blocks.size();) isa.outer(blocks[i], room);
    });
}

}  // namespace ELMAN_SPACE
