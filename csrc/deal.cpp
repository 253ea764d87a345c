// Which thread walks which sequences.
#include <algorithm>
#include <numeric>

#include "prepare.h"

namespace ELMAN_SPACE {

std::vector<Span> spans_of(const Run& run) {
    if (run.spans != nullptr) return std::vector<Span>(run.spans, run.spans + run.span_count);
    std::vector<Span> spans(static_cast<size_t>(run.batch));
    for (int64_t b = 0; b < run.batch; ++b)
        spans[static_cast<size_t>(b)] = {b, 0, run.lengths != nullptr ? run.lengths[b] : run.steps};
    return spans;
}

std::vector<Rows> deal(const std::vector<Span>& spans, int parts, bool grouped) {
    std::vector<size_t> order(spans.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto length = [&](size_t i) { return spans[i].length; };
    const bool even = std::all_of(order.begin(), order.end(), [&](size_t i) { return length(i) == length(0); });
    const auto longer = [&](size_t a, size_t b) { return length(a) > length(b); };
    if (!even) std::stable_sort(order.begin(), order.end(), longer);

    std::vector<Rows> dealt(static_cast<size_t>(parts));
    const auto give = [&](size_t part, size_t i) {
        dealt[part].index.push_back(static_cast<int64_t>(i));
        dealt[part].sequence.push_back(spans[i].sequence);
        dealt[part].start.push_back(spans[i].start);
        dealt[part].length.push_back(spans[i].length);
    };
    if (even || grouped || parts == 1) {  // neighbours in memory, or in length, stay together
        for (size_t i = 0; i < order.size(); ++i) give(i * static_cast<size_t>(parts) / order.size(), order[i]);
        return dealt;
    }
    std::vector<int64_t> load(dealt.size(), 0);
    for (size_t i : order) {  // longest first, each to the part with the least to do
        const size_t part = static_cast<size_t>(std::min_element(load.begin(), load.end()) - load.begin());
        give(part, i);
        load[part] += length(i) + 1;
    }
    return dealt;
}

}  // namespace ELMAN_SPACE
