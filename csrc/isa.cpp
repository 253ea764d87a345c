#include "isa.h"

#include <atomic>
#include <cstdlib>

#include "error.h"

namespace elman {
namespace {

constexpr int kUnchosen = -1;
std::atomic<int> chosen{kUnchosen};

IsaId find(const std::string& name, const char* who) {
    std::string valid;
    for (IsaId isa : available_isas()) {
        if (name == name_of(isa)) return isa;
        valid += (valid.empty() ? "" : ", ") + std::string(name_of(isa));
    }
    throw EngineError(std::string(who) + ": expected an instruction set that this machine runs (" + valid +
                      "), got '" + name + "'");
}

}  // namespace

const char* name_of(IsaId isa) {
    switch (isa) {
        case IsaId::avx512bf16: return "avx512bf16";
        case IsaId::avx512: return "avx512";
        case IsaId::avx2: return "avx2";
        case IsaId::baseline: break;
    }
    return "baseline";
}

std::vector<IsaId> available_isas() {
    std::vector<IsaId> isas;
#if defined(ELMAN_X86)
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (has_avx512 && __builtin_cpu_supports("avx512bf16")) isas.push_back(IsaId::avx512bf16);
    if (has_avx512) isas.push_back(IsaId::avx512);
    if (has_avx2) isas.push_back(IsaId::avx2);
#endif
    isas.push_back(IsaId::baseline);
    return isas;
}

IsaId current_isa() {
    const int now = chosen.load();
    if (now != kUnchosen) return static_cast<IsaId>(now);
    const char* wanted = std::getenv("ELMAN_ISA");
    const bool named = wanted != nullptr && *wanted != 0;
    const IsaId isa = named ? find(wanted, "ELMAN_ISA") : available_isas().front();
    chosen.store(static_cast<int>(isa));
    return isa;
}

void use_isa(const std::string& name) { chosen.store(static_cast<int>(find(name, "use_isa"))); }

}  // namespace elman
