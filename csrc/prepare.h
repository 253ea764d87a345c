// From a Plan and a Run to the records that threads walk (walk.h).
#pragma once
#include <vector>

#include "arena.h"
#include "walk.h"

namespace ELMAN_SPACE {

// Sequences that are walked together, the longest first, so that the active ones are always the first ones.
struct Rows {
    std::vector<int64_t> index;     // of the span, which is b where sequences are not cut
    std::vector<int64_t> sequence;  // b
    std::vector<int64_t> start;
    std::vector<int64_t> length;    // non-increasing
};

// What a run walks: its spans, or one span for each sequence.
std::vector<Span> spans_of(const Run& run);

// Deals spans into `parts`: into groups of about the same length, the longest first, for threads to take one after
// another (`grouped`), or one for each thread, with about the same number of steps to walk.
std::vector<Rows> deal(const std::vector<Span>& spans, int parts, bool grouped);

// Whether some vector stage takes a mean over its rows.
bool has_mean(const Plan& plan);

// For each stage: whether it may run for a block of steps at once, before or after them.
std::vector<When> when_to_run(const Plan& plan);

// For each stage: whether the threads of a hidden split must wait before it.
std::vector<char> place_barriers(const Plan& plan);

// All records of one run. Their memory is the arena's.
class Prepared {
  public:
    // ranges: in how many ranges the lanes are split (1: no hidden split); most_rows: of any walk.
    Prepared(const Plan& plan, const Run& run, const Isa& isa, Arena& arena, int ranges, int64_t most_rows);

    // A walk over `rows`. It may be copied for another thread by `share`.
    Walk walk(const Rows& rows);
    Walk share(const Walk& walk, int64_t rows);

    const std::vector<PackRecord>& packs() const { return packs_; }

    // Where row r of the walk stands after step k: `width` floats of the State's next side.
    const Real* next_of(const Walk& walk, int32_t buffer, int64_t row, int64_t k) const;

  private:
    const Plan& plan_;
    const Run& run_;
    const Isa& isa_;
    Arena& arena_;
    int ranges_;
    bool few_rows_;
    int64_t block_ = 1;                    // steps that early and late stages take at once
    std::vector<When> when_;
    Real* zeros_;
    std::vector<int32_t> view_of_;         // (buffer, side) -> view or -1
    std::vector<Port> views_;              // view -> its buffer and side
    std::vector<PackRecord> packs_;
    StageRecord* stages_ = nullptr;
    int64_t registers_ = 0, slots_ = 0;    // the most lanes of registers, and the most slots, of a stage
    int64_t pairs_ = 0;                    // slots of the longest operand of a product

    int32_t view_index(const Port& port);
    PortRecord record(const Port& port) { return {view_index(port), port.column}; }
    const int64_t* split_lanes(int64_t width);
    int64_t steps_at_once(int64_t most_rows) const;
    bool holds_block(int32_t buffer) const;
    StageRecord product_record(const ProductStage& product, When when);
    void lay_panels(const ProductStage& product, StageRecord& record);
    void pack(const ProductStage& product, Panel& panel);
    StageRecord vector_record(const VectorStage& vector);
    void find_uniform(StageRecord& record);
    void first_rows(View& view, const Port& port, const Rows& rows, std::vector<ScratchRecord>& scratch);
    View view(const Port& port, const Rows& rows, const View* other_side, std::vector<ScratchRecord>& scratch);
    void private_views(Walk& walk, int64_t rows);
};

}  // namespace ELMAN_SPACE
