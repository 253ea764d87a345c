#include "dispatch.h"

#include <string>

#include "isa.h"

namespace ELMAN_SPACE {

#if defined(ELMAN_X86) && !defined(ELMAN_DOUBLE)
namespace avx512bf16 {
extern const Isa isa;
}
#endif
#if defined(ELMAN_X86)
namespace avx512 {
extern const Isa isa;
}
namespace avx2 {
extern const Isa isa;
}
#endif
namespace baseline {
extern const Isa isa;
}

const Isa& kernels() {
    switch (current_isa()) {
#if defined(ELMAN_X86)
#if defined(ELMAN_DOUBLE)
        case IsaId::avx512bf16:
#else
        case IsaId::avx512bf16: return avx512bf16::isa;
#endif
        case IsaId::avx512: return avx512::isa;
        case IsaId::avx2: return avx2::isa;
#endif
        default: return baseline::isa;
    }
}

void check_bf16(const Run& run, const Isa& isa) {
    if (run.bf16 && !isa.pairs)
        throw EngineError(std::string("bf16: expected float32 values and the instruction set avx512bf16, got ") +
                          (sizeof(Real) == 4 ? "float32" : "float64") + " and " + name_of(current_isa()));
}

}  // namespace ELMAN_SPACE
