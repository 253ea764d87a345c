#include "recycled.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <vector>

#include "pages.h"

namespace elman {
namespace {

using Clock = std::chrono::steady_clock;

// What is kept and what is in use are together never more than was once in use at the same time. Of that, at most so
// much is kept, and nothing that no call has asked for in so long.
constexpr int64_t kKept = int64_t{512} << 20;
constexpr std::chrono::seconds kLongest{10};
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
        char* block;
        if (best < free_.size()) {
            block = free_[best].block;
            bytes = free_[best].bytes;
            remove(best);
        } else {
            block = fresh_pages(bytes);
        }
        used_ += bytes;
        most_ = std::max(most_, used_);
        drop_surplus();
        return {block + shift, block, bytes};
    }

    void give_back(const Recycled& memory) {
        const std::lock_guard<std::mutex> guard(lock_);
        free_.push_back({memory.block, memory.bytes, Clock::now()});
        kept_ += memory.bytes;
        used_ -= memory.bytes;
        drop_old();
        drop_surplus();
    }

    int64_t kept() {
        const std::lock_guard<std::mutex> guard(lock_);
        return kept_;
    }

  private:
    std::mutex lock_;
    std::vector<Free> free_;  // those given back first come first
    int64_t kept_ = 0, used_ = 0, most_ = 0;  // bytes; most_: that were in use at once
    uint64_t taken_ = 0;

    void drop_old() {
        while (!free_.empty() && Clock::now() - free_.front().since > kLongest) drop(0);
    }

    void drop_surplus() {
        while (!free_.empty() && (kept_ > kKept || kept_ + used_ > most_)) drop(0);
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
    } catch (...) {  // no memory for the list: back to the system, and counted as in use
        std::free(memory.block);
    }
}

int64_t kept_bytes() { return store().kept(); }

}  // namespace elman
