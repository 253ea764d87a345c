// Where the threads of one run wait for each other. They spin, then give the core away, so that more threads than
// cores still move on. Compiled into each instruction set's copy, hence static and without std::atomic.
#pragma once
#include <cstdint>

#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
#endif

namespace elman {

struct Barrier {  // zero is its first state
    alignas(64) int32_t waiting;
    alignas(64) int32_t round;
};

struct Patience {
    int spins = 0;
};

static inline void wait_a_little(Patience& patience) {
    if (patience.spins < 2000) {
        ++patience.spins;
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
        return;
    }
#if defined(__unix__) || defined(__APPLE__)
    sched_yield();
#endif
}

static inline void wait_for_others(Barrier& barrier, int32_t team) {
    const int32_t round = __atomic_load_n(&barrier.round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&barrier.waiting, 1, __ATOMIC_ACQ_REL) == team) {
        __atomic_store_n(&barrier.waiting, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&barrier.round, (round + 1) & 0x3fffffff, __ATOMIC_RELEASE);
        return;
    }
    Patience patience;
    while (__atomic_load_n(&barrier.round, __ATOMIC_ACQUIRE) == round) wait_a_little(patience);
}

}  // namespace elman
