// The kernels of the instruction set in use.
#pragma once
#include "walk.h"

namespace ELMAN_SPACE {

// Throws EngineError where ELMAN_ISA names an instruction set that does not run here.
const Isa& kernels();

// Throws EngineError where `run` asks for products of bfloat16 that these kernels do not have.
void check_bf16(const Run& run, const Isa& isa);

}  // namespace ELMAN_SPACE
