// Which products may run for a block of steps at once.
//
// A product of what is known for all steps, such as the projection of x, need not wait for its step: taken for
// several steps together, few sequences make full tiles, and the weight is read once instead of at every step. The
// same holds for a product that nothing in the walk waits for, such as the gradient of x.
#include "prepare.h"

namespace ELMAN_SPACE {
namespace {

class Reading {
  public:
    explicit Reading(const Plan& plan) : plan_(plan), written_(written_buffers(plan)) {}

    bool early(const ProductStage& p) const {
        if (p.accumulate || place(p.out) != Place::Scratch) return false;
        for (const Segment& segment : p.segments)
            if (place(segment.port) != Place::Sequence || written_[static_cast<size_t>(segment.port.buffer)])
                return false;
        return !multiplied(p.out.buffer);
    }

    bool late(const ProductStage& p) const {
        if (!of_sequences(p) || place(p.out) != Place::Sequence || multiplied(p.out.buffer)) return false;
        for (const Stage& stage : plan_.stages) {  // all that touches the result comes late
            if (stage.is_product && stage.product.out.buffer == p.out.buffer && !of_sequences(stage.product))
                return false;
            for (const Port& port : stage.vector.ports)
                if (port.buffer == p.out.buffer) return false;
        }
        return true;
    }

  private:
    const Plan& plan_;
    std::vector<char> written_;

    Place place(const Port& port) const { return plan_.buffers[static_cast<size_t>(port.buffer)].place; }

    bool of_sequences(const ProductStage& p) const {
        for (const Segment& segment : p.segments)
            if (place(segment.port) != Place::Sequence) return false;
        return true;
    }

    bool multiplied(int32_t buffer) const {
        for (const Stage& stage : plan_.stages)
            for (const Segment& segment : stage.product.segments)
                if (segment.port.buffer == buffer) return true;
        return false;
    }
};

}  // namespace

std::vector<When> when_to_run(const Plan& plan) {
    const Reading reading(plan);
    std::vector<When> found;
    for (const Stage& stage : plan.stages) {
        const bool early = stage.is_product && reading.early(stage.product);
        const bool late = stage.is_product && reading.late(stage.product);
        found.push_back(early ? When::early : late ? When::late : When::step);
    }
    return found;
}

}  // namespace ELMAN_SPACE
