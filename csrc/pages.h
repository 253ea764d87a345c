// Memory straight from the system.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace elman {

constexpr int64_t kLargePage = int64_t{1} << 21;

// `bytes` or a little more, which `bytes` says afterwards; from a large page on in such pages, where the system has
// them: what is read from end to end at every step, or filled for the first time, is more pages of 4 KB than a core
// remembers the places of. Throws std::bad_alloc; std::free gives it back.
inline char* fresh_pages(int64_t& bytes) {
    const bool large = bytes >= kLargePage;
    if (large && __builtin_add_overflow(bytes, kLargePage - 1, &bytes)) throw std::bad_alloc();
    if (large) bytes = bytes / kLargePage * kLargePage;
    void* data = std::aligned_alloc(static_cast<size_t>(large ? kLargePage : 64), static_cast<size_t>(bytes));
    if (data == nullptr) throw std::bad_alloc();
#if defined(__linux__)
    if (large) madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);  // advice: may be declined
#endif
    return static_cast<char*>(data);
}

}  // namespace elman
