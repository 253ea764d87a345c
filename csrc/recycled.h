// Memory of large tensors that live for a training step: what the last step let go of serves the next.
//
// Fresh memory comes from the system page by page and is filled with zeros first, which took up to half the time of a
// training step of a small cell. (The C library keeps freed memory too, but only below a size that depends on all that
// the process did before.)
#pragma once
#include <cstdint>

namespace elman {

struct Piece;

struct Recycled {
    char* data;    // at a 64-byte boundary
    Piece* piece;  // what `give_back` takes
};

// Throws std::bad_alloc. From any thread.
Recycled take(int64_t bytes);
void give_back(const Recycled& memory) noexcept;

// Bytes that are kept at the moment, for tests.
int64_t kept_bytes();

}  // namespace elman
