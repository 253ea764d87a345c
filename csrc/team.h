// Runs a function on several threads at once: on the host's OpenMP team where one was named, else on threads of
// its own. (A second pool beside the host's would fight with it: OpenMP threads go on spinning for milliseconds
// after a parallel region.)
#pragma once
#include <functional>

namespace elman {

// GOMP_parallel and omp_get_num_threads of the host's OpenMP runtime; null, null: back to threads of our own.
using TeamFork = void (*)(void (*body)(void*), void* data, unsigned threads, unsigned flags);
using TeamSize = int (*)();
void use_team(TeamFork fork, TeamSize size);

// Calls body(id, size) once on each of `size` threads, 1 <= size <= threads, at the same time, id = 0 .. size-1,
// and returns when all have returned. The first exception that a body threw is thrown here.
void on_team(int threads, const std::function<void(int id, int size)>& body);

}  // namespace elman
