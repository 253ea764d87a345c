// The kernels of the instruction set in use.
#pragma once
#include "walk.h"

namespace ELMAN_SPACE {

// Throws EngineError where ELMAN_ISA names an instruction set that does not run here.
const Isa& kernels();

}  // namespace ELMAN_SPACE
