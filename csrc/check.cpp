// Holds a Plan to the rules that the walk relies on: every index exists, every port lies inside its buffer, nothing
// is read before it is written. Messages name the stage, and the instruction where there is one.
#include <algorithm>
#include <string>
#include <utility>

#include "engine.h"

namespace ELMAN_SPACE {
namespace {

using std::to_string;

const char* name_of(Place place) {
    static const char* const names[] = {"Sequence", "Shifted", "State", "Vector", "Sum", "Scratch"};
    return names[static_cast<int>(place)];
}

// A set of lanes, as sorted intervals that do not touch.
class Lanes {
  public:
    void add(int64_t low, int64_t high) {
        std::vector<std::pair<int64_t, int64_t>> merged;
        for (auto [a, b] : intervals_) {
            if (b < low || high < a) {
                merged.emplace_back(a, b);
            } else {
                low = std::min(low, a);
                high = std::max(high, b);
            }
        }
        merged.emplace_back(low, high);
        std::sort(merged.begin(), merged.end());
        intervals_ = std::move(merged);
    }
    bool holds(int64_t low, int64_t high) const {
        return std::any_of(intervals_.begin(), intervals_.end(),
                           [=](auto i) { return i.first <= low && high <= i.second; });
    }

  private:
    std::vector<std::pair<int64_t, int64_t>> intervals_;
};

class Checker {
  public:
    explicit Checker(const Plan& plan) : plan_(plan), written_(plan.buffers.size()) {}

    void all() {
        check_sizes();
        for (size_t s = 0; s < plan_.stages.size(); ++s) {
            const Stage& stage = plan_.stages[s];
            where_ = "stage " + to_string(s) + (stage.is_product ? " (product)" : " (vector)");
            if (stage.is_product)
                product(stage.product);
            else
                vector(stage.vector);
        }
        for (size_t i = 0; i < plan_.buffers.size(); ++i) {
            const Buffer& buffer = plan_.buffers[i];
            if (buffer.place == Place::State && !written_[i].holds(0, buffer.width))
                throw EngineError("buffer " + to_string(i) + " (State): expected every one of its " +
                                  to_string(buffer.width) + " next lanes to be written by some stage");
        }
    }

  private:
    const Plan& plan_;
    std::vector<Lanes> written_;  // lanes of Scratch and of a State's next side that hold a value by now
    std::string where_;

    [[noreturn]] void fail(const std::string& what) const { throw EngineError(where_ + ": " + what); }

    void check_sizes() {
        for (size_t i = 0; i < plan_.buffers.size(); ++i)
            if (plan_.buffers[i].width < 1)
                throw EngineError("buffer " + to_string(i) + ": expected a width of at least 1, got " +
                                  to_string(plan_.buffers[i].width));
        for (size_t i = 0; i < plan_.weights.size(); ++i)
            if (plan_.weights[i].rows < 1 || plan_.weights[i].columns < 1)
                throw EngineError("weight " + to_string(i) + ": expected at least 1 row and 1 column, got (" +
                                  to_string(plan_.weights[i].rows) + ", " + to_string(plan_.weights[i].columns) +
                                  ")");
    }

    const Buffer& buffer_of(const Port& port) const { return plan_.buffers[static_cast<size_t>(port.buffer)]; }

    void check_port(const Port& port, int64_t width, const std::string& what) const {
        if (port.buffer < 0 || static_cast<size_t>(port.buffer) >= plan_.buffers.size())
            fail(what + ": buffer " + to_string(port.buffer) + " is not among the plan's " +
                 to_string(plan_.buffers.size()));
        const Buffer& buffer = buffer_of(port);
        if (port.column < 0 || port.column > buffer.width || width > buffer.width - port.column)
            fail(what + ": columns " + to_string(port.column) + " + " + to_string(width) +
                 " lie outside buffer " + to_string(port.buffer) + " of width " + to_string(buffer.width));
        if (port.side == Side::Next && buffer.place != Place::State)
            fail(what + ": side Next is for a State, buffer " + to_string(port.buffer) + " is a " +
                 name_of(buffer.place));
    }

    void read(const Port& port, int64_t width, const std::string& what) const {
        const Place place = buffer_of(port).place;
        if (place == Place::Sum)
            fail(what + ": buffer " + to_string(port.buffer) + " is a Sum, which cannot be read");
        const bool fresh = place == Place::Scratch || port.side == Side::Next;
        if (fresh && !written_[static_cast<size_t>(port.buffer)].holds(port.column, port.column + width))
            fail(what + ": reads columns " + to_string(port.column) + " + " + to_string(width) + " of buffer " +
                 to_string(port.buffer) + " (" + name_of(place) + ") before all of them are written");
    }

    void write(const Port& port, int64_t width, const std::string& what) {
        const Place place = buffer_of(port).place;
        const bool previous = place == Place::State && port.side == Side::Previous;
        if (place == Place::Vector || place == Place::Shifted || place == Place::Sum || previous)
            fail(what + ": buffer " + to_string(port.buffer) + " (" + name_of(place) +
                 (previous ? ", side Previous" : "") + ") cannot be written");
        if (place != Place::Sequence)
            written_[static_cast<size_t>(port.buffer)].add(port.column, port.column + width);
    }

    static bool overlap(const Port& a, int64_t a_width, const Port& b, int64_t b_width) {
        return a.buffer == b.buffer && a.side == b.side && a.column < b.column + b_width &&
               b.column < a.column + a_width;
    }

    void product(const ProductStage& p) {
        if (p.weight < 0 || static_cast<size_t>(p.weight) >= plan_.weights.size())
            fail("weight " + to_string(p.weight) + " is not among the plan's " + to_string(plan_.weights.size()));
        const Weight& weight = plan_.weights[static_cast<size_t>(p.weight)];
        if (p.gates < 1 || p.width < 1)
            fail("expected at least 1 gate of width 1, got " + to_string(p.gates) + " of width " +
                 to_string(p.width));
        int64_t outputs = 0, inner = 0;
        if (__builtin_mul_overflow(p.gates, p.width, &outputs)) fail("gates * width overflows");
        if (p.segments.empty()) fail("expected at least one segment");
        for (size_t i = 0; i < p.segments.size(); ++i) {
            const Segment& segment = p.segments[i];
            const std::string what = "segment " + to_string(i);
            if (segment.length < 1)
                fail(what + ": expected a length of at least 1, got " + to_string(segment.length));
            check_port(segment.port, segment.length, what);
            read(segment.port, segment.length, what);
            if (__builtin_add_overflow(inner, segment.length, &inner)) fail("the length of all segments overflows");
        }
        if (p.heads < 1 || p.width % p.heads != 0)
            fail("expected heads that share the width " + to_string(p.width) + " evenly, got " + to_string(p.heads));
        for (size_t i = 0; i < p.segments.size(); ++i)
            if (p.segments[i].length % p.heads != 0)
                fail("segment " + to_string(i) + ": its length " + to_string(p.segments[i].length) +
                     " is not shared evenly by " + to_string(p.heads) + " heads");
        product_weight(p, weight, inner, outputs);
        check_port(p.out, outputs, "out");
            if (p.accumulate) read(p.out, outputs, "out");
        if (p.has_bias) {
            check_port(p.bias, outputs, "bias");
            if (buffer_of(p.bias).place != Place::Vector)
                fail("bias: expected a Vector, buffer " + to_string(p.bias.buffer) + " is a " +
                     name_of(buffer_of(p.bias).place));
        }
        for (size_t i = 0; i < p.segments.size(); ++i)
            if (overlap(p.segments[i].port, p.segments[i].length, p.out, outputs))
                fail("out overlaps segment " + to_string(i));
        write(p.out, outputs, "out");
    }

    void product_weight(const ProductStage& p, const Weight& weight, int64_t inner, int64_t outputs) const {
        const int64_t rows = p.transposed ? inner : outputs;
        const int64_t columns = (p.transposed ? outputs : inner) / p.heads;
        if (p.transposed && p.gates != 1) fail("a transposed product has 1 gate, got " + to_string(p.gates));
        const bool fits = p.row0 >= 0 && p.row0 <= weight.rows && rows <= weight.rows - p.row0;
        if (columns != weight.columns || !fits)
            fail("needs rows " + to_string(p.row0) + " + " + to_string(rows) + " and " + to_string(columns) +
                 " columns, but weight " + to_string(p.weight) + " is (" + to_string(weight.rows) + ", " +
                 to_string(weight.columns) + ")");
    }

    void vector(const VectorStage& v) {
        if (v.width < 1) fail("expected a width of at least 1, got " + to_string(v.width));
        if (v.registers < 0 || v.registers > 4096)
            fail("expected 0 to 4096 registers, got " + to_string(v.registers));
        for (size_t i = 0; i < v.ports.size(); ++i) check_port(v.ports[i], v.width, "port " + to_string(i));
        std::vector<char> set(v.ports.size() + static_cast<size_t>(v.registers), 0);
        std::vector<char> changed(v.ports.size(), 0);
        const std::string stage = where_;
        for (size_t i = 0; i < v.instructions.size(); ++i) {
            where_ = stage + ", instruction " + to_string(i);
            instruction(v, v.instructions[i], set, changed);
        }
        where_ = stage;
        for (size_t i = 0; i < v.ports.size(); ++i)
            for (size_t j = 0; j < v.ports.size(); ++j)
                if (changed[i] && v.ports[i].column != v.ports[j].column &&
                    overlap(v.ports[i], v.width, v.ports[j], v.width))
                    fail("port " + to_string(i) + " is written and overlaps port " + to_string(j) +
                         " at other columns");
    }

    void instruction(const VectorStage& v, const Instruction& it, std::vector<char>& set,
                     std::vector<char>& changed) {
        const int32_t code = static_cast<int32_t>(it.op);
        if (code < 0 || it.op >= Opcode::count)
            fail("opcode " + to_string(code) + " is not one of 0 .. " +
                 to_string(static_cast<int32_t>(Opcode::count) - 1));
        const int32_t operands[] = {it.a, it.b, it.c};
        const int used = operand_count(it.op);
        for (int i = 0; i < 3; ++i) {
            const std::string what = std::string("operand ") + "abc"[i];
            const int32_t slot = operands[i];
            if (i >= used) {
                if (slot != -1) fail(what + ": unused here, expected -1, got " + to_string(slot));
                continue;
            }
            check_slot(slot, set.size(), what);
            const size_t index = static_cast<size_t>(slot);
            if (index < v.ports.size())
                read(v.ports[index], v.width, what);
            else if (!set[index])
                fail(what + ": register " + to_string(index - v.ports.size()) + " is read before it is written");
        }
        check_slot(it.dst, set.size(), "dst");
        const size_t dst = static_cast<size_t>(it.dst);
        set[dst] = 1;
        const bool port = dst < v.ports.size();
        if (it.op == Opcode::accumulate) {
            if (!port || buffer_of(v.ports[dst]).place != Place::Sum) fail("dst: accumulate needs a Sum port");
        } else if (port) {
            write(v.ports[dst], v.width, "dst");
            changed[dst] = 1;
        }
    }

    void check_slot(int32_t slot, size_t slots, const std::string& what) const {
        if (slot < 0 || static_cast<size_t>(slot) >= slots)
            fail(what + ": slot " + to_string(slot) + " is not among the stage's " + to_string(slots));
    }
};

}  // namespace

int operand_count(Opcode op) {
    switch (op) {
        case Opcode::mul_add:
        case Opcode::select:
            return 3;
        case Opcode::add:
        case Opcode::sub:
        case Opcode::mul:
        case Opcode::div:
        case Opcode::maximum:
        case Opcode::minimum:
        case Opcode::tanh_grad:
        case Opcode::sigmoid_grad:
            return 2;
        default:
            return 1;
    }
}

void check(const Plan& plan) { Checker(plan).all(); }

}  // namespace ELMAN_SPACE
