// One run: is it possible, who does what, and what is left to do when the sequences have been walked.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>

#include "dispatch.h"
#include "prepare.h"
#include "team.h"

namespace ELMAN_SPACE {
namespace {

using std::to_string;

// Spans in order, those of each sequence one after the other from step 0 on.
void check_spans(const Run& run) {
    int64_t sequence = -1, stop = 0;
    for (int64_t i = 0; i < run.span_count; ++i) {
        const Span& span = run.spans[i];
        const bool next = span.sequence == sequence + 1 && span.start == 0 && span.length >= 0;
        const bool same = span.sequence == sequence && span.start == stop && span.length > 0 && stop > 0;
        if (!(next || same) || span.sequence >= run.batch || span.length > run.steps - span.start)
            throw EngineError("spans: entry " + to_string(i) + ", (" + to_string(span.sequence) + ", " +
                              to_string(span.start) + ", " + to_string(span.length) +
                              "), does not follow the one before it within the steps and the batch");
        sequence = span.sequence;
        stop = span.start + span.length;
    }
    if (sequence != run.batch - 1)
        throw EngineError("spans: expected some of each of the " + to_string(run.batch) + " sequences, got " +
                          to_string(sequence + 1));
}

void check_run(const Plan& plan, const Run& run, const std::vector<char>& written) {
    if (run.steps < 0) throw EngineError("steps: expected at least 0, got " + to_string(run.steps));
    if (run.batch < 0) throw EngineError("batch: expected at least 0, got " + to_string(run.batch));
    if (run.threads < 1) throw EngineError("threads: expected at least 1, got " + to_string(run.threads));
    if (run.buffers.size() != plan.buffers.size())
        throw EngineError("arrays: expected one entry for each of the plan's " + to_string(plan.buffers.size()) +
                          " buffers, got " + to_string(run.buffers.size()));
    if (run.weights.size() != plan.weights.size())
        throw EngineError("weights: expected " + to_string(plan.weights.size()) + ", got " +
                          to_string(run.weights.size()));
    for (int64_t b = 0; run.lengths != nullptr && b < run.batch; ++b)
        if (run.lengths[b] < 0 || run.lengths[b] > run.steps)
            throw EngineError("lengths: expected values in 0 .. " + to_string(run.steps) + ", got " +
                              to_string(run.lengths[b]) + " for sequence " + to_string(b));
    if (run.spans != nullptr) check_spans(run);
    const bool empty = run.steps == 0 || run.batch == 0;
    for (size_t i = 0; i < plan.buffers.size(); ++i) {
        const Place place = plan.buffers[i].place;
        const bool needed = place == Place::Vector || place == Place::Sum || (place == Place::Sequence && written[i]);
        if (needed && run.buffers[i].main.data == nullptr && !(empty && place == Place::Sequence))
            throw EngineError("buffer " + to_string(i) + ": expected an array, got none" +
                              (place == Place::Sequence ? " (the plan writes this Sequence)" : ""));
    }
    for (size_t i = 0; i < plan.weights.size(); ++i)
        if (run.weights[i].data == nullptr)
            throw EngineError("weight " + to_string(i) + ": expected an array, got none");
}

// Nanoseconds that one row takes for one step, roughly: what decides how many threads are worth waking.
double row_cost(const Plan& plan) {
    double cost = 0;
    for (const Stage& stage : plan.stages) {
        if (stage.is_product) {
            double inner = 0;
            for (const Segment& segment : stage.product.segments) inner += static_cast<double>(segment.length);
            const double columns = inner / static_cast<double>(stage.product.heads);
            cost += columns * static_cast<double>(stage.product.gates * stage.product.width) * 0.005 * sizeof(Real);
        } else {
            const double vectors = static_cast<double>(stage.vector.width) / kCacheLine + 1;
            for (const Instruction& it : stage.vector.instructions)
                cost += 3 + vectors * (it.op >= Opcode::exp && it.op <= Opcode::cos ? 7 : 0.7);
        }
    }
    return cost;
}

// How much longer n rows take than n times the cost of one among many: few rows wait for the weights, not for the
// arithmetic (measured on GRUs of 256 and 512).
double crowding(int64_t n) { return n == 1 ? 2.0 : n <= 3 ? 1.25 : 1.0; }

// Whether splitting the lanes of every row beats splitting the rows, clearly enough to depend on each other's pace.
bool lanes_pay(const Plan& plan, double row, int64_t rows, int threads) {
    constexpr double barrier = 600;  // ns, with what the other thread wrote on its way between the caches
    const std::vector<char> barriers = place_barriers(plan);
    const int64_t each = (rows + threads - 1) / threads;
    const double by_rows = row * static_cast<double>(each) * crowding(each);
    const double by_lanes = row * static_cast<double>(rows) * crowding(rows) / threads +
                            barrier * static_cast<double>(std::count(barriers.begin(), barriers.end(), 1));
    return by_lanes < 0.8 * by_rows;
}

struct Shape {
    int threads;
    Split split;
};

Shape choose(const Plan& plan, const Run& run, int64_t walked_steps, int64_t rows) {
    Shape shape{run.threads, run.split};
    if (shape.split == Split::lanes && has_mean(plan))
        throw EngineError("split: expected 'auto' or 'rows' for a plan with a mean over its rows, got 'lanes'");
    if (shape.split == Split::automatic) {
        const double row = row_cost(plan), all = row * static_cast<double>(walked_steps);
        constexpr double worth = 10000;  // ns of work for which a thread is woken
        if (all < worth * shape.threads) shape.threads = std::max(1, static_cast<int>(all / worth));
        const bool few = shape.threads > 1 && !has_mean(plan) && rows < int64_t{4} * shape.threads;
        shape.split = few && lanes_pay(plan, row, rows, shape.threads) ? Split::lanes : Split::rows;
    }
    if (shape.split == Split::rows) shape.threads = static_cast<int>(std::min<int64_t>(shape.threads, rows));
    shape.threads = std::min(shape.threads, 1024);
    if (shape.threads == 1) shape.split = Split::rows;
    return shape;
}

// Sequences cut into many spans are walked in groups: the rows of all at once would not stay in the cache.
constexpr size_t kGroup = 64;

bool grouped(const std::vector<Span>& spans, const Run& run, const Shape& shape) {
    return run.spans != nullptr && shape.split == Split::rows &&
           spans.size() > kGroup * static_cast<size_t>(shape.threads);
}

int parts_of(const std::vector<Span>& spans, const Run& run, const Shape& shape) {
    if (grouped(spans, run, shape)) return static_cast<int>((spans.size() + kGroup - 1) / kGroup);
    return shape.split == Split::lanes ? 1 : shape.threads;
}

class Runner {
  public:
    Runner(const Plan& plan, const Run& run, const Isa& isa, Arena& arena, const std::vector<Span>& spans,
           Shape shape, const std::vector<char>& written)
        : plan_(plan),
          run_(run),
          isa_(isa),
          written_(written),
          spans_(spans),
          parts_(deal(spans, parts_of(spans, run, shape), grouped(spans, run, shape))),
          lanes_(shape.split == Split::lanes),
          threads_(shape.threads),
          prepared_(plan, run, isa, arena, lanes_ ? shape.threads : 1, most_rows()) {
        for (const Rows& rows : parts_) walks_.push_back(prepared_.walk(rows));
        while (lanes_ && walks_.size() < static_cast<size_t>(threads_))
            walks_.push_back(prepared_.share(walks_[0], static_cast<int64_t>(parts_[0].index.size())));
    }

    void all() {
        on_team(threads_, [this](int id, int size) { work(id, size); });
        sums();
    }

  private:
    const Plan& plan_;
    const Run& run_;
    const Isa& isa_;
    const std::vector<char>& written_;
    const std::vector<Span>& spans_;
    std::vector<Rows> parts_;
    bool lanes_;
    int threads_;
    Prepared prepared_;
    std::vector<Walk> walks_;
    Barrier barrier_ = {};
    std::atomic<size_t> next_pack_{0}, packed_{0}, next_part_{0};

    int64_t most_rows() const {
        size_t most = 0;
        for (const Rows& rows : parts_) most = std::max(most, rows.index.size());
        return static_cast<int64_t>(most);
    }

    // Nothing here waits for a thread that may not exist: packs and parts are claimed, so a team that came out
    // smaller than asked does all of them too.
    void work(int id, int size) {
        const std::vector<PackRecord>& packs = prepared_.packs();
        const size_t count = walks_[0].steps > 0 ? packs.size() : 0;  // the first part has the longest sequence
        for (size_t i; (i = next_pack_.fetch_add(1)) < count; packed_.fetch_add(1)) isa_.pack(packs[i]);
        Patience patience;
        while (packed_.load() < count) wait_a_little(patience);
        if (lanes_) {
            Walk& walk = walks_[static_cast<size_t>(id)];
            walk.first_range = id;
            walk.range_step = walk.team = size;
            walk.barrier = size > 1 ? &barrier_ : nullptr;
            isa_.walk(walk);
            if (size > 1) wait_for_others(barrier_, size);
            finish(0, id, size);
        } else {
            for (size_t p; (p = next_part_.fetch_add(1)) < parts_.size();) {
                isa_.walk(walks_[p]);
                finish(p, 0, 1);
            }
        }
    }

    // Final states, and zeros past each length, for every `of`-th row of a part.
    void finish(size_t part, int64_t first, int64_t of) {
        const Rows& rows = parts_[part];
        for (size_t i = 0; i < plan_.buffers.size(); ++i) {
            const BufferArrays& arrays = run_.buffers[i];
            const bool state = plan_.buffers[i].place == Place::State;
            const bool written = state || (plan_.buffers[i].place == Place::Sequence && written_[i]);
            const bool fill = arrays.main.data != nullptr && written;
            const size_t bytes = static_cast<size_t>(plan_.buffers[i].width) * sizeof(Real);
            for (size_t r = static_cast<size_t>(first); r < rows.index.size(); r += static_cast<size_t>(of)) {
                const int64_t index = rows.index[r], b = rows.sequence[r], length = rows.length[r];
                if (state && arrays.final.data != nullptr) {
                    Real* to = arrays.final.data + index * arrays.final.stride_batch;
                    const Real* from = nullptr;
                    if (length > 0)
                        from = prepared_.next_of(walks_[part], static_cast<int32_t>(i), static_cast<int64_t>(r),
                                                 length - 1);
                    else if (arrays.initial.data != nullptr)
                        from = arrays.initial.data + index * arrays.initial.stride_batch;
                    if (from != nullptr)
                        std::memmove(to, from, bytes);
                    else
                        std::memset(to, 0, bytes);
                }
                const bool last = static_cast<size_t>(index) + 1 == spans_.size() ||
                                  spans_[static_cast<size_t>(index) + 1].sequence != b;
                if (!fill || !last) continue;
                Real* row = arrays.main.data + b * arrays.main.stride_batch;
                for (int64_t t = rows.start[r] + length; t < run_.steps; ++t)
                    std::memset(row + t * arrays.main.stride_time, 0, bytes);
            }
        }
    }

    void sums() {
        for (size_t i = 0; i < plan_.buffers.size(); ++i) {
            if (plan_.buffers[i].place != Place::Sum) continue;
            Real* out = run_.buffers[i].main.data;
            const int64_t width = plan_.buffers[i].width;
            std::vector<double> total(static_cast<size_t>(width), 0.0);
            for (const Walk& walk : walks_)
                for (int32_t s = 0; s < walk.sum_count; ++s)
                    for (int64_t l = 0; walk.sums[s].buffer == static_cast<int32_t>(i) && l < width; ++l)
                        total[static_cast<size_t>(l)] += walk.sums[s].total[l];
            for (int64_t l = 0; l < width; ++l) out[l] = static_cast<Real>(total[static_cast<size_t>(l)]);
        }
    }
};

}  // namespace

std::vector<char> written_buffers(const Plan& plan) {
    std::vector<char> written(plan.buffers.size(), 0);
    for (const Stage& stage : plan.stages) {
        if (stage.is_product) written[static_cast<size_t>(stage.product.out.buffer)] = 1;
        for (const Instruction& it : stage.vector.instructions)
            if (static_cast<size_t>(it.dst) < stage.vector.ports.size())
                written[static_cast<size_t>(stage.vector.ports[static_cast<size_t>(it.dst)].buffer)] = 1;
    }
    return written;
}

void run(const Plan& plan, const Run& run) {
    const Isa& isa = kernels();
    const std::vector<char> written = written_buffers(plan);
    check_run(plan, run, written);
    check_bf16(run, isa);
    const std::vector<Span> spans = spans_of(run);
    int64_t walked_steps = 0, rows = static_cast<int64_t>(spans.size());
    for (const Span& span : spans) {
        if (__builtin_add_overflow(walked_steps, span.length, &walked_steps))
            throw EngineError("steps * batch overflows");
        rows -= span.length == 0;
    }
    thread_local Arena arena;
    struct Reset {
        ~Reset() { arena.reset(); }
    } reset;
    Shape shape = rows > 0 ? choose(plan, run, walked_steps, rows) : Shape{1, Split::rows};
    Runner(plan, run, isa, arena, spans, shape, written).all();
}

}  // namespace ELMAN_SPACE
