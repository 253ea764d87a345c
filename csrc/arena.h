// Memory of one run: small pieces cut from few large blocks, which the thread keeps for its next run, since fresh
// pages cost more than a short run does.
#pragma once
#include <cstdlib>
#include <new>
#include <vector>

#include "pages.h"
#include "walk.h"

namespace ELMAN_SPACE {

class Arena {
  public:
    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() { release(); }

    // `count` values, at a 64-byte boundary, not initialised. Throws EngineError when the bytes overflow.
    template <class T>
    T* get(int64_t count) {
        int64_t bytes = 0;
        if (count < 0 || __builtin_mul_overflow(count, static_cast<int64_t>(sizeof(T)), &bytes) ||
            __builtin_add_overflow(bytes, 63, &bytes))
            throw EngineError("the engine's memory for one run overflows");
        return static_cast<T*>(take(bytes / 64 * 64));
    }

    // Forgets what was handed out. Keeps up to kKept bytes, as one block for the next run.
    void reset() noexcept {
        const int64_t total = total_;
        used_ = 0;
        if (blocks_.size() <= 1 && total <= kKept) return;
        release();
        if (total > kKept) return;
        try {
            add_block(total);
        } catch (const std::bad_alloc&) {
            release();  // the next run allocates what it needs
        }
    }

  private:
    static constexpr int64_t kKept = int64_t{64} << 20, kLeast = int64_t{1} << 18;
    struct Block {
        char* data;
        int64_t bytes;
    };
    std::vector<Block> blocks_;
    int64_t used_ = 0, total_ = 0;  // used_: of the last block

    void* take(int64_t bytes) {
        if (blocks_.empty() || blocks_.back().bytes - used_ < bytes) {
            add_block(bytes > kLeast ? bytes : kLeast);
            used_ = 0;
        }
        char* data = blocks_.back().data + used_;
        used_ += bytes;
        return data;
    }

    void add_block(int64_t bytes) {
        blocks_.reserve(blocks_.size() + 1);
        char* data = fresh_pages(bytes);
        blocks_.push_back({data, bytes});
        total_ += bytes;
    }

    void release() {
        for (const Block& block : blocks_) std::free(block.data);
        blocks_.clear();
        total_ = used_ = 0;
    }
};

}  // namespace ELMAN_SPACE
