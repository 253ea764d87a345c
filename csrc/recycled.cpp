#include "recycled.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "pages.h"

namespace elman {

using Clock = std::chrono::steady_clock;

// Part of a block that came from the system, or all of it; those before and after it in the same block.
struct Piece {
    char* at;
    int64_t bytes;
    Piece *before, *after;
    bool free;
    Clock::time_point since;  // when it was given back

    bool whole() const { return before == nullptr && after == nullptr; }
};

namespace {

// Whole blocks are kept only while what is kept and what is in use are together no more than was once in use at the
// same time, and so much at most; and none that no call has asked for in so long. (A block of which a part is held
// stays, and its other parts serve.)
constexpr int64_t kKept = int64_t{512} << 20;
constexpr std::chrono::seconds kLongest{10};
// A larger piece is cut where this much or more is left over, so that layers of other sizes share what there is.
constexpr int64_t kLeast = int64_t{256} << 10;
// Tensors that are walked side by side would otherwise all lie in the same few cache sets.
constexpr int64_t kShift = 17 * 64, kShifts = 16;

class Store {
  public:
    Recycled take(int64_t bytes) {
        const std::lock_guard<std::mutex> guard(lock_);
        const int64_t shift = static_cast<int64_t>(taken_++ % kShifts) * kShift;
        if (__builtin_add_overflow(bytes, kShift * kShifts + 63, &bytes)) throw std::bad_alloc();
        bytes = bytes / 64 * 64;
        drop_old();
        free_.reserve(pieces_ + 2);  // so that giving back never needs memory
        Piece* piece = smallest(bytes);
        if (piece == nullptr) {
            piece = fresh(bytes);
        } else {
            if (piece->bytes - bytes >= kLeast) cut(*piece, bytes);
            remove(piece);
            piece->free = false;
        }
        used_ += piece->bytes;
        most_ = std::max(most_, used_);
        drop_surplus();
        return {piece->at + shift, piece};
    }

    void give_back(Piece* piece) noexcept {
        const std::lock_guard<std::mutex> guard(lock_);
        used_ -= piece->bytes;
        if (piece->before != nullptr && piece->before->free) {
            remove(piece->before);
            piece = joined(piece->before, piece);
        }
        if (piece->after != nullptr && piece->after->free) {
            remove(piece->after);
            piece = joined(piece, piece->after);
        }
        piece->free = true;
        piece->since = Clock::now();
        add(piece);
        drop_old();
        drop_surplus();
    }

    int64_t kept() {
        const std::lock_guard<std::mutex> guard(lock_);
        return kept_;
    }

  private:
    std::mutex lock_;
    std::vector<Piece*> free_;
    size_t pieces_ = 0;                       // free or not
    int64_t kept_ = 0, used_ = 0, most_ = 0;  // bytes; most_: that were in use at once
    uint64_t taken_ = 0;

    // Of the free pieces that serve.
    Piece* smallest(int64_t bytes) const {
        Piece* best = nullptr;
        for (Piece* piece : free_)
            if (piece->bytes >= bytes && (best == nullptr || piece->bytes < best->bytes)) best = piece;
        return best;
    }

    Piece* fresh(int64_t bytes) {
        auto piece = std::make_unique<Piece>(Piece{nullptr, 0, nullptr, nullptr, false, {}});
        piece->at = fresh_pages(bytes);
        piece->bytes = bytes;
        ++pieces_;
        return piece.release();
    }

    // Leaves `bytes` to a free piece; what is behind them becomes another.
    void cut(Piece& piece, int64_t bytes) {
        Piece* rest =
            new Piece{piece.at + bytes, piece.bytes - bytes, &piece, piece.after, true, piece.since};
        if (rest->after != nullptr) rest->after->before = rest;
        piece.after = rest;
        piece.bytes = bytes;
        ++pieces_;
        free_.push_back(rest);
    }

    // Two neighbours as one, the first.
    Piece* joined(Piece* first, Piece* second) noexcept {
        first->bytes += second->bytes;
        first->after = second->after;
        if (first->after != nullptr) first->after->before = first;
        delete second;
        --pieces_;
        return first;
    }

    void add(Piece* piece) noexcept {
        free_.push_back(piece);
        kept_ += piece->bytes;
    }

    void remove(Piece* piece) noexcept {
        free_.erase(std::find(free_.begin(), free_.end(), piece));
        kept_ -= piece->bytes;
    }

    // The whole block that has waited longest, back to the system.
    Piece* oldest() const noexcept {
        Piece* found = nullptr;
        for (Piece* piece : free_)
            if (piece->whole() && (found == nullptr || piece->since < found->since)) found = piece;
        return found;
    }

    void drop(Piece* piece) noexcept {
        remove(piece);
        std::free(piece->at);
        delete piece;
        --pieces_;
    }

    void drop_old() noexcept {
        for (Piece* piece; (piece = oldest()) != nullptr && Clock::now() - piece->since > kLongest;) drop(piece);
    }

    void drop_surplus() noexcept {
        for (Piece* piece; (kept_ > kKept || kept_ + used_ > most_) && (piece = oldest()) != nullptr;) drop(piece);
    }
};

// Never destroyed: tensors may outlive all else when the process ends.
Store& store() {
    static Store* const only = new Store;
    return *only;
}

}  // namespace

Recycled take(int64_t bytes) { return store().take(bytes); }

void give_back(const Recycled& memory) noexcept { store().give_back(memory.piece); }

int64_t kept_bytes() { return store().kept(); }

}  // namespace elman
