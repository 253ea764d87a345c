#include "recycled.h"

#include <chrono>
#include <mutex>
#include <vector>

#include "pages.h"

namespace elman {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kKept = int64_t{512} << 20;        // at most so much is kept,
constexpr std::chrono::seconds kLongest{10};         // and nothing for longer than this between two calls
// Tensors that are walked side by side would otherwise all lie in the same few cache sets.
constexpr int64_t kShift = 17 * 64, kShifts = 16;

struct Free {
    char* block;
    int64_t bytes;
    Clock::time_point since;
};

class Store {
  public:
    Recycled take(int64_t bytes) {
        const std::lock_guard<std::mutex> guard(lock_);
        const int64_t shift = static_cast<int64_t>(taken_++ % kShifts) * kShift;
        if (__builtin_add_overflow(bytes, kShift * kShifts + 63, &bytes)) throw std::bad_alloc();
        bytes = bytes / 64 * 64;
        drop_old();
        size_t best = free_.size();
        for (size_t i = 0; i < free_.size(); ++i)
            if (free_[i].bytes >= bytes && free_[i].bytes / 2 <= bytes &&
                (best == free_.size() || free_[i].bytes < free_[best].bytes))
                best = i;
        if (best == free_.size()) {
            char* block = fresh_pages(bytes);
            return {block + shift, block, bytes};
        }
        const Free found = free_[best];
        remove(best);
        return {found.block + shift, found.block, found.bytes};
    }

    void give_back(const Recycled& memory) {
        const std::lock_guard<std::mutex> guard(lock_);
        free_.push_back({memory.block, memory.bytes, Clock::now()});
        kept_ += memory.bytes;
        drop_old();
        while (kept_ > kKept) drop(0);
    }

    int64_t kept() {
        const std::lock_guard<std::mutex> guard(lock_);
        return kept_;
    }

  private:
    std::mutex lock_;
    std::vector<Free> free_;  // those given back first come first
    int64_t kept_ = 0;
    uint64_t taken_ = 0;

    void drop_old() {
        while (!free_.empty() && Clock::now() - free_.front().since > kLongest) drop(0);
    }

    void drop(size_t i) {
        std::free(free_[i].block);
        remove(i);
    }

    void remove(size_t i) {
        kept_ -= free_[i].bytes;
        free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
    }
};

// Never destroyed: tensors may outlive all else when the process ends.
Store& store() {
    static Store* const only = new Store;
    return *only;
}

}  // namespace

Recycled take(int64_t bytes) { return store().take(bytes); }

void give_back(const Recycled& memory) noexcept {
    try {
        store().give_back(memory);
    } catch (...) {  // no memory for the list: it goes back to the system
        std::free(memory.block);
    }
}

int64_t kept_bytes() { return store().kept(); }

}  // namespace elman
