// Where threads that split the lanes of a step must wait for each other.
//
// In a hidden split a thread owns the same lanes of every vector stage and of every gate of a product, so a value
// that one stage writes and another reads lane for lane never changes hands. Products read whole rows, though. The
// plan is walked on paper over a few steps, with every access since the last barrier in hand; a stage that
// conflicts with one of them, other than lane for lane, needs a barrier before it.
#include "prepare.h"

namespace ELMAN_SPACE {
namespace {

struct Access {
    int32_t buffer;
    int64_t copy;           // which of the buffer's copies: the step's parity, or the step of a Sequence
    int64_t column, width;
    bool write, own;        // own: thread i touches only its lanes of this very range
};

bool conflict(const Access& a, const Access& b) {
    if (a.buffer != b.buffer || a.copy != b.copy || !(a.write || b.write)) return false;
    if (a.column >= b.column + b.width || b.column >= a.column + a.width) return false;
    return !(a.own && b.own && a.column == b.column && a.width == b.width);
}

class Paper {
  public:
    explicit Paper(const Plan& plan) : plan_(plan) {}

    void accesses(const Stage& stage, int64_t step, std::vector<Access>& out) const {
        if (stage.is_product) {
            const ProductStage& p = stage.product;
            for (const Segment& s : p.segments) add(s.port, s.length, step, false, false, out);
            Port gate = p.out;
            for (int64_t g = 0; g < p.gates; ++g, gate.column += p.width) add(gate, p.width, step, true, true, out);
        } else {
            const VectorStage& v = stage.vector;
            std::vector<char> written(v.ports.size(), 0);
            for (const Instruction& it : v.instructions)
                if (static_cast<size_t>(it.dst) < v.ports.size()) written[static_cast<size_t>(it.dst)] = 1;
            for (size_t i = 0; i < v.ports.size(); ++i) add(v.ports[i], v.width, step, written[i] != 0, true, out);
        }
    }

  private:
    const Plan& plan_;

    void add(const Port& port, int64_t width, int64_t step, bool write, bool own, std::vector<Access>& out) const {
        const Place place = plan_.buffers[static_cast<size_t>(port.buffer)].place;
        int64_t copy = step;
        if (place == Place::Shifted || place == Place::Vector || place == Place::Sum) return;  // never shared
        if (place == Place::Scratch) copy = step & 1;
        if (place == Place::State) copy = (step + (port.side == Side::Previous ? 1 : 0)) & 1;
        out.push_back({port.buffer, copy, port.column, width, write, own});
    }
};

}  // namespace

std::vector<char> place_barriers(const Plan& plan) {
    const Paper paper(plan);
    std::vector<char> flags(plan.stages.size(), 0);
    for (bool changed = true; changed;) {
        changed = false;
        std::vector<Access> since, here;
        for (int64_t step = 0; step < 4; ++step)
            for (size_t s = 0; s < plan.stages.size(); ++s) {
                here.clear();
                paper.accesses(plan.stages[s], step, here);
                bool wait = flags[s] != 0;
                for (const Access& a : here)
                    for (const Access& b : since) wait = wait || conflict(a, b);
                if (wait) {
                    since.clear();
                    changed = changed || !flags[s];
                    flags[s] = 1;
                }
                since.insert(since.end(), here.begin(), here.end());
            }
    }
    return flags;
}

}  // namespace ELMAN_SPACE
