#include "prepare.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace ELMAN_SPACE {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return a / b + (a % b != 0); }

int64_t times(int64_t a, int64_t b) {
    int64_t product = 0;
    if (__builtin_mul_overflow(a, b, &product)) throw EngineError("the engine's memory for one run overflows");
    return product;
}

// Floats from row to row of the engine's own buffers. Rows at a multiple of 1 KiB would fall into the same few
// cache sets, and a tile reads eight of them at once.
int64_t row_stride(int64_t width) {
    if (width > std::numeric_limits<int64_t>::max() / 8) times(width, 8);
    const int64_t stride = divide_up(width, kAlign) * kAlign;
    return stride % (16 * kAlign) == 0 ? stride + kAlign : stride;
}

void poison(Real* data, int64_t floats) {
#if defined(ELMAN_POISON)
    std::fill(data, data + floats, __builtin_nanf(""));
#else
    (void)data;
    (void)floats;
#endif
}

bool same_every_step(const BufferArrays& arrays, Place place) {
    const bool absent = arrays.main.data == nullptr;
    if (place == Place::Sequence) return absent || arrays.main.stride_time == 0;
    if (place == Place::Shifted) return absent && arrays.initial.data == nullptr;
    return place == Place::Vector || place == Place::Sum;
}

bool has_mean(const VectorStage& vector) {
    return std::any_of(vector.instructions.begin(), vector.instructions.end(),
                       [](const Instruction& it) { return it.op == Opcode::mean; });
}

}  // namespace

bool has_mean(const Plan& plan) {
    return std::any_of(plan.stages.begin(), plan.stages.end(),
                       [](const Stage& stage) { return !stage.is_product && has_mean(stage.vector); });
}

Prepared::Prepared(const Plan& plan, const Run& run, const Isa& isa, Arena& arena, int ranges, int64_t most_rows)
    : plan_(plan),
      run_(run),
      isa_(isa),
      arena_(arena),
      ranges_(ranges),
      few_rows_(most_rows <= isa.few_rows),
      when_(when_to_run(plan)),
      view_of_(plan.buffers.size() * 2, -1) {
    int64_t widest = 1;
    for (const Buffer& buffer : plan.buffers) widest = std::max(widest, buffer.width);
    zeros_ = arena_.get<Real>(widest);
    std::memset(zeros_, 0, static_cast<size_t>(widest) * sizeof(Real));
    stages_ = arena_.get<StageRecord>(static_cast<int64_t>(plan.stages.size()));
    block_ = steps_at_once(most_rows);
    std::vector<char> barriers(plan.stages.size(), 0);
    if (ranges > 1) barriers = place_barriers(plan);
    for (size_t s = 0; s < plan.stages.size(); ++s) {
        const Stage& stage = plan.stages[s];
        stages_[s] = stage.is_product ? product_record(stage.product, when_[s]) : vector_record(stage.vector);
        stages_[s].barrier = barriers[s] != 0;
        stages_[s].when = when_[s];
    }
}

// So many that few rows fill the tiles of a product; and more where its weight is too large for the caches, which
// then is read once for all of them.
int64_t Prepared::steps_at_once(int64_t most_rows) const {
    int64_t values = 0;
    for (size_t s = 0; s < when_.size(); ++s) {
        if (when_[s] == When::step) continue;
        const Weight& weight = plan_.weights[static_cast<size_t>(plan_.stages[s].product.weight)];
        values += weight.rows * weight.columns;
    }
    const int64_t rows = values > kCachedValues ? kManyBlockRows : kBlockRows;
    int64_t steps = 1;
    while (values > 0 && steps * std::max<int64_t>(most_rows, 1) < rows) steps *= 2;
    return steps;
}

int32_t Prepared::view_index(const Port& port) {
    int32_t& index = view_of_[static_cast<size_t>(port.buffer) * 2 + static_cast<size_t>(port.side)];
    if (index < 0) {
        index = static_cast<int32_t>(views_.size());
        views_.push_back({port.buffer, 0, port.side});
    }
    return index;
}

// Lanes go to ranges in whole vectors: the same boundaries for every stage of this width.
const int64_t* Prepared::split_lanes(int64_t width) {
    int64_t* bounds = arena_.get<int64_t>(ranges_ + 1);
    const int64_t vectors = divide_up(width, isa_.lanes);
    for (int64_t i = 0; i <= ranges_; ++i)
        bounds[i] = std::min(width, times(vectors, i) / ranges_ * isa_.lanes);
    return bounds;
}

StageRecord Prepared::product_record(const ProductStage& product, When when) {
    StageRecord record = {};
    record.is_product = true;
    record.bounds = split_lanes(product.width);
    SegmentRecord* segments = arena_.get<SegmentRecord>(static_cast<int64_t>(product.segments.size()));
    for (size_t i = 0; i < product.segments.size(); ++i) {
        const int64_t part = product.segments[i].length / product.heads, slots = slots_of(part, run_.bf16);
        segments[i] = {this->record(product.segments[i].port), part, slots};
        if (run_.bf16) pairs_ = std::max(pairs_, times(product.heads, slots));
    }
    record.heads = static_cast<int32_t>(product.heads);
    record.pairs = run_.bf16;
    record.segments = segments;
    record.segment_count = static_cast<int32_t>(product.segments.size());
    record.out = this->record(product.out);
    record.bias = product.has_bias ? this->record(product.bias) : PortRecord{-1, 0};
    record.accumulate = product.accumulate;
    record.few_rows = few_rows_ && (when == When::step || block_ == 1);
    lay_panels(product, record);
    return record;
}

// Panels never cross a gate, a head or a range; those of one gate, head and range are as even as can be (8 vectors:
// 3, 3, 2).
void Prepared::lay_panels(const ProductStage& product, StageRecord& record) {
    const int64_t most = record.few_rows ? isa_.few_rows_panel_vectors : isa_.panel_vectors;
    const int64_t part = product.width / product.heads;
    int64_t inner = 0;
    for (const Segment& segment : product.segments) inner += slots_of(segment.length / product.heads, run_.bf16);
    struct Piece {
        int64_t head, low, high;  // lanes of a gate
    };
    std::vector<std::vector<Piece>> pieces(static_cast<size_t>(ranges_));
    int64_t count = 0;
    for (int i = 0; i < ranges_; ++i)
        for (int64_t low = record.bounds[i]; low < record.bounds[i + 1];) {
            const int64_t head = low / part, high = std::min((head + 1) * part, record.bounds[i + 1]);
            pieces[static_cast<size_t>(i)].push_back({head, low, high});
            count += divide_up(divide_up(high - low, isa_.lanes), most);
            low = high;
        }
    count = times(count, product.gates);
    if (count > std::numeric_limits<int32_t>::max()) throw EngineError("the engine's memory for one run overflows");

    Panel* panels = arena_.get<Panel>(count);
    int32_t* start = arena_.get<int32_t>(ranges_ + 1);
    int32_t next = 0;
    for (int i = 0; i < ranges_; ++i) {
        start[i] = next;
        for (int64_t g = 0; g < product.gates; ++g)
            for (const Piece& piece : pieces[static_cast<size_t>(i)]) {
                const int64_t lanes = piece.high - piece.low, vectors = divide_up(lanes, isa_.lanes);
                const int64_t here = divide_up(vectors, most);
                for (int64_t p = 0; p < here; ++p) {
                    const int64_t first = vectors * p / here, last = vectors * (p + 1) / here;
                    Panel& panel = panels[next++];
                    panel.vectors = static_cast<int32_t>(last - first);
                    panel.lanes = static_cast<int32_t>(std::min(last * isa_.lanes, lanes) - first * isa_.lanes);
                    panel.column = g * product.width + piece.low + first * isa_.lanes;
                    panel.head = piece.head;
                    panel.data = arena_.get<Real>(times(inner, (last - first) * isa_.lanes));
                    pack(product, panel);
                }
            }
    }
    start[ranges_] = next;
    record.panels = panels;
    record.panel_start = start;
}

// A panel's columns are rows of the weight, its rows the columns, segment by segment; where transposed, its columns
// are columns within the head, and its rows are the head's part of every segment's rows.
void Prepared::pack(const ProductStage& product, Panel& panel) {
    const WeightArray& weight = run_.weights[static_cast<size_t>(product.weight)];
    const Real* from = weight.data + product.row0 * weight.stride_row;
    const int64_t column = panel.column - panel.head * (product.width / product.heads);
    int64_t row = 0, to = 0;
    for (const Segment& segment : product.segments) {
        const int64_t part = segment.length / product.heads;
        const Real* first = product.transposed ? from + (row + panel.head * part) * weight.stride_row + column
                                               : from + panel.column * weight.stride_row + row / product.heads;
        packs_.push_back({&panel, first, weight.stride_row, product.transposed, part, to, run_.bf16});
        row += segment.length;
        to += slots_of(part, run_.bf16);
    }
}

StageRecord Prepared::vector_record(const VectorStage& vector) {
    StageRecord record = {};
    record.bounds = split_lanes(vector.width);
    PortRecord* ports = arena_.get<PortRecord>(static_cast<int64_t>(vector.ports.size()));
    for (size_t i = 0; i < vector.ports.size(); ++i) ports[i] = this->record(vector.ports[i]);
    Instruction* instructions = arena_.get<Instruction>(static_cast<int64_t>(vector.instructions.size()));
    for (size_t i = 0; i < vector.instructions.size(); ++i) {
        Instruction it = vector.instructions[i];
        it.a = std::max(it.a, 0);  // unused operands become slot 0, which always exists and is not read for them
        it.b = std::max(it.b, 0);
        it.c = std::max(it.c, 0);
        instructions[i] = it;
    }
    record.ports = ports;
    record.port_count = static_cast<int32_t>(vector.ports.size());
    record.slot_count = record.port_count + vector.registers;
    record.instructions = instructions;
    record.instruction_count = static_cast<int32_t>(vector.instructions.size());
    record.has_mean = has_mean(vector);
    record.register_stride = record.has_mean ? row_stride(vector.width) : kChunk;
    if (record.has_mean) find_uniform(record);
    registers_ = std::max(registers_, times(vector.registers, record.register_stride));
    slots_ = std::max<int64_t>(slots_, record.slot_count);
    return record;
}

// What is computed of means and numbers alone is the same in every lane.
void Prepared::find_uniform(StageRecord& record) {
    bool* uniform = arena_.get<bool>(record.instruction_count);
    std::vector<char> slots(static_cast<size_t>(record.slot_count), 0);
    for (int32_t i = 0; i < record.instruction_count; ++i) {
        const Instruction& it = record.instructions[i];
        const int32_t operands[] = {it.a, it.b, it.c};
        bool all = it.op != Opcode::accumulate;
        for (int o = 0; o < operand_count(it.op); ++o) all = all && slots[static_cast<size_t>(operands[o])];
        uniform[i] = all || it.op == Opcode::mean || it.op == Opcode::constant;
        const bool is_register = it.dst >= record.port_count;  // another port may name the same lanes
        slots[static_cast<size_t>(it.dst)] = uniform[i] && is_register;
    }
    record.uniform = uniform;
}

// Where every row stands at its first step: in the caller's array, or in memory of the engine's own.
void Prepared::first_rows(View& view, const Port& port, const Rows& rows, std::vector<ScratchRecord>& scratch) {
    const Buffer& buffer = plan_.buffers[static_cast<size_t>(port.buffer)];
    const Array& main = run_.buffers[static_cast<size_t>(port.buffer)].main;
    const int64_t count = static_cast<int64_t>(rows.index.size());
    view.first = arena_.get<Real*>(count);
    if (buffer.place == Place::Scratch || (buffer.place == Place::State && main.data == nullptr)) {
        // A State alternates between two copies; so does Scratch where other threads may still read the last step's.
        const int64_t stride = row_stride(buffer.width), copy = times(stride, count);
        // What comes early holds all steps of a block.
        const bool early = buffer.place == Place::Scratch && holds_block(port.buffer);
        const int64_t copies = early ? block_ : buffer.place == Place::State || ranges_ > 1 ? 2 : 1;
        Real* data = arena_.get<Real>(times(copy, copies));
        poison(data, copy * copies);
        if (buffer.place == Place::Scratch && !early) scratch.push_back({data, copy * copies});
        view.slot = copy;
        view.mask = copies - 1;
        for (int64_t r = 0; r < count; ++r) view.first[r] = data + r * stride;
        return;
    }
    for (int64_t r = 0; r < count; ++r) {
        const size_t row = static_cast<size_t>(r);
        const int64_t b = rows.sequence[row], length = rows.length[row];
        const int64_t t = rows.start[row] + (run_.reverse && length > 0 ? length - 1 : 0);
        view.first[r] = main.data == nullptr ? zeros_ : main.data + t * main.stride_time + b * main.stride_batch;
    }
}

// Whether an early stage writes there.
bool Prepared::holds_block(int32_t buffer) const {
    if (block_ == 1) return false;
    for (size_t s = 0; s < when_.size(); ++s)
        if (when_[s] == When::early && plan_.stages[s].product.out.buffer == buffer) return true;
    return false;
}

// Both sides of a State walk the same memory: the second view takes the rows of the first.
View Prepared::view(const Port& port, const Rows& rows, const View* other_side, std::vector<ScratchRecord>& scratch) {
    const Place place = plan_.buffers[static_cast<size_t>(port.buffer)].place;
    const BufferArrays& arrays = run_.buffers[static_cast<size_t>(port.buffer)];
    const int64_t count = static_cast<int64_t>(rows.index.size());
    View view = {};
    if (other_side != nullptr) {
        view.first = other_side->first;
        view.slot = other_side->slot;
        view.mask = other_side->mask;
    } else {
        first_rows(view, port, rows, scratch);
    }
    view.fixed = same_every_step(arrays, place);
    view.step = run_.reverse ? -arrays.main.stride_time : arrays.main.stride_time;
    if (place == Place::Shifted) view.shift = 1;
    if (place == Place::State && port.side == Side::Previous) view.shift = -1;
    view.width = plan_.buffers[static_cast<size_t>(port.buffer)].width;
    view.ahead = !view.fixed && view.shift >= 0 && arrays.main.data != nullptr;
    if (view.shift == 0) return view;
    view.edge = arena_.get<Real*>(count);
    for (int64_t r = 0; r < count; ++r)
        view.edge[r] = arrays.initial.data == nullptr
                           ? zeros_
                           : arrays.initial.data + rows.index[static_cast<size_t>(r)] * arrays.initial.stride_batch;
    return view;
}

Walk Prepared::walk(const Rows& rows) {
    const int64_t count = static_cast<int64_t>(rows.index.size());
    Walk walk = {};
    walk.steps = count > 0 ? rows.length[0] : 0;
    if (walk.steps == std::numeric_limits<int64_t>::max()) throw EngineError("the number of steps overflows");
    int64_t* active = arena_.get<int64_t>(walk.steps + 1);
    int64_t n = count;
    for (int64_t k = 0; k <= walk.steps; ++k) {
        while (n > 0 && rows.length[static_cast<size_t>(n - 1)] <= k) --n;
        active[k] = n;
    }
    walk.active = active;
    walk.stages = stages_;
    walk.block = block_;
    walk.late = std::find(when_.begin(), when_.end(), When::late) != when_.end();
    walk.stage_count = static_cast<int32_t>(plan_.stages.size());
    walk.view_count = static_cast<int32_t>(views_.size());
    walk.views = arena_.get<View>(walk.view_count);
    std::vector<ScratchRecord> scratch;
    for (size_t v = 0; v < views_.size(); ++v) {
        const View* other_side = nullptr;
        for (size_t u = 0; u < v; ++u)
            if (views_[u].buffer == views_[v].buffer) other_side = &walk.views[u];
        walk.views[v] = view(views_[v], rows, other_side, scratch);
    }
    walk.scratch_count = static_cast<int32_t>(scratch.size());
    walk.scratch = arena_.get<ScratchRecord>(walk.scratch_count);
    std::copy(scratch.begin(), scratch.end(), walk.scratch);
    walk.first_range = 0;
    walk.range_step = 1;
    walk.range_count = ranges_;
    walk.team = 1;
    private_views(walk, count);
    return walk;
}

Walk Prepared::share(const Walk& walk, int64_t rows) {
    Walk copy = walk;
    copy.views = arena_.get<View>(walk.view_count);
    std::copy(walk.views, walk.views + walk.view_count, copy.views);
    private_views(copy, rows);
    return copy;
}

// What no two threads may share: current pointers, registers, partial sums.
void Prepared::private_views(Walk& walk, int64_t rows) {
    walk.registers = arena_.get<Real>(registers_);
    walk.slots = arena_.get<Real*>(slots_);
    const int64_t at_once = times(rows, block_);
    walk.pairs_stride = row_stride(pairs_);
    walk.pairs = arena_.get<Real>(times(walk.pairs_stride, at_once));
    walk.pair_rows = arena_.get<Real*>(at_once);
    for (int64_t r = 0; r < at_once; ++r) walk.pair_rows[r] = walk.pairs + r * walk.pairs_stride;
    walk.block_a = arena_.get<Real*>(at_once);
    walk.block_out = arena_.get<Real*>(at_once);
    std::vector<SumRecord> sums;
    for (int32_t v = 0; v < walk.view_count; ++v) {
        View& view = walk.views[v];
        const Port& port = views_[static_cast<size_t>(v)];
        const Buffer& buffer = plan_.buffers[static_cast<size_t>(port.buffer)];
        if (buffer.place == Place::Sum) {
            Real* partial = arena_.get<Real>(buffer.width);
            double* total = arena_.get<double>(buffer.width);
            std::fill(partial, partial + buffer.width, 0.0f);
            std::fill(total, total + buffer.width, 0.0);
            sums.push_back({partial, total, buffer.width, port.buffer});
            view.first = arena_.get<Real*>(rows);
            std::fill(view.first, view.first + rows, partial);
        }
        view.now = view.fixed ? view.first : arena_.get<Real*>(rows);
    }
    walk.sum_count = static_cast<int32_t>(sums.size());
    walk.sums = arena_.get<SumRecord>(walk.sum_count);
    std::copy(sums.begin(), sums.end(), walk.sums);
}

const Real* Prepared::next_of(const Walk& walk, int32_t buffer, int64_t row, int64_t k) const {
    const View& view = walk.views[view_of_[static_cast<size_t>(buffer) * 2 + static_cast<size_t>(Side::Next)]];
    return view.first[row] + k * view.step + (k & view.mask) * view.slot;
}

}  // namespace ELMAN_SPACE
