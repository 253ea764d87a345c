// Which thread walks which sequences.
#include <algorithm>
#include <numeric>

#include "prepare.h"

namespace ELMAN_SPACE {

std::vector<Rows> deal(const Run& run, int parts) {
    std::vector<int64_t> order(static_cast<size_t>(run.batch));
    std::iota(order.begin(), order.end(), int64_t{0});
    const auto length = [&](int64_t b) { return run.lengths != nullptr ? run.lengths[b] : run.steps; };
    const bool even = std::all_of(order.begin(), order.end(), [&](int64_t b) { return length(b) == run.steps; });
    const auto longer = [&](int64_t a, int64_t b) { return length(a) > length(b); };
    if (!even) std::stable_sort(order.begin(), order.end(), longer);

    std::vector<Rows> dealt(static_cast<size_t>(parts));
    const auto give = [&](size_t part, int64_t b) {
        dealt[part].index.push_back(b);
        dealt[part].length.push_back(length(b));
    };
    if (even || parts == 1) {  // neighbours in memory stay together
        for (int64_t i = 0; i < run.batch; ++i)
            give(static_cast<size_t>(i * parts / run.batch), order[static_cast<size_t>(i)]);
        return dealt;
    }
    std::vector<int64_t> load(dealt.size(), 0);
    for (int64_t b : order) {  // longest first, each to the part with the least to do
        const size_t part = static_cast<size_t>(std::min_element(load.begin(), load.end()) - load.begin());
        give(part, b);
        load[part] += length(b) + 1;
    }
    return dealt;
}

}  // namespace ELMAN_SPACE
