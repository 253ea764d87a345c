// Which instruction set the engine runs on: the best that this machine has, or the one that ELMAN_ISA names.
#pragma once
#include <string>
#include <vector>

namespace elman {

enum class IsaId { avx512bf16, avx512, avx2, baseline };

const char* name_of(IsaId isa);

// The instruction set in use; chosen at first use. Throws EngineError where ELMAN_ISA names none that runs here.
IsaId current_isa();

// Those that run on this machine, best first.
std::vector<IsaId> available_isas();

// Takes the named one from now on. Throws EngineError, listing the valid names.
void use_isa(const std::string& name);

}  // namespace elman
