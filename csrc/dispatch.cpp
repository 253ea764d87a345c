#include "dispatch.h"

#include <atomic>
#include <cstdlib>

namespace elman {

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

namespace {

std::atomic<const Isa*> chosen{nullptr};

const Isa& find(const std::string& name, const char* who) {
    std::string valid;
    for (const Isa* isa : available_isas()) {
        if (name == isa->name) return *isa;
        valid += (valid.empty() ? "" : ", ") + std::string(isa->name);
    }
    throw EngineError(std::string(who) + ": expected an instruction set that this machine runs (" + valid +
                      "), got '" + name + "'");
}

}  // namespace

std::vector<const Isa*> available_isas() {
    std::vector<const Isa*> isas;
#if defined(ELMAN_X86)
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        isas.push_back(&avx512::isa);
    if (has_avx2) isas.push_back(&avx2::isa);
#endif
    isas.push_back(&baseline::isa);
    return isas;
}

const Isa& current_isa() {
    const Isa* isa = chosen.load();
    if (isa == nullptr) {
        const char* wanted = std::getenv("ELMAN_ISA");
        isa = wanted != nullptr && *wanted != 0 ? &find(wanted, "ELMAN_ISA") : available_isas().front();
        chosen.store(isa);
    }
    return *isa;
}

void use_isa(const std::string& name) { chosen.store(&find(name, "use_isa")); }

}  // namespace elman
