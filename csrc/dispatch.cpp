#include "dispatch.h"

#include "isa.h"

namespace ELMAN_SPACE {

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
        case IsaId::avx512: return avx512::isa;
        case IsaId::avx2: return avx2::isa;
#endif
        default: return baseline::isa;
    }
}

}  // namespace ELMAN_SPACE
