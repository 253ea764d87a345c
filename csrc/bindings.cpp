// The Python module: plans for each type of value, instruction sets, threads.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>

#include "bindings.h"
#include "engine.h"
#include "isa.h"
#include "recycled.h"
#include "team.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace elman {
namespace {

nb::dict opcodes() {
    nb::dict names;
#define ELMAN_X(name) names[#name] = static_cast<int>(float32::Opcode::name);
    ELMAN_OPCODES(ELMAN_X)
#undef ELMAN_X
    return names;
}

// An uninitialised tensor in recycled memory, which it gives back when nothing refers to it any more.
nb::ndarray<nb::pytorch> empty(const std::vector<size_t>& shape, bool wide) {
    size_t bytes = wide ? sizeof(double) : sizeof(float);
    for (size_t size : shape)
        if (__builtin_mul_overflow(bytes, size, &bytes) || bytes > static_cast<size_t>(INT64_MAX))
            throw EngineError("shape: the tensor's bytes overflow");
    auto* memory = new Recycled(take(static_cast<int64_t>(bytes)));
    nb::capsule owner(memory, [](void* held) noexcept {
        auto* given = static_cast<Recycled*>(held);
        give_back(*given);
        delete given;
    });
    return nb::ndarray<nb::pytorch>(memory->data, shape.size(), shape.data(), owner, nullptr,
                                    wide ? nb::dtype<double>() : nb::dtype<float>());
}

}  // namespace
}  // namespace elman

NB_MODULE(_engine, m) {
    using namespace elman;
    m.doc() = "The CPU engine of elman: runs plans over time (csrc/engine.h is the contract).";
    nb::register_exception_translator([](const std::exception_ptr& p, void*) {
        try {
            std::rethrow_exception(p);
        } catch (const EngineError& e) {
            PyErr_SetString(PyExc_ValueError, e.what());
        }
    });
    float32::bind_plan(m, "");
    float64::bind_plan(m, "64");
    m.def("isa", [] { return std::string(name_of(current_isa())); }, "The instruction set in use.");
    m.def(
        "isas",
        [] {
            std::vector<std::string> names;
            for (IsaId isa : available_isas()) names.emplace_back(name_of(isa));
            return names;
        },
        "The instruction sets that this machine runs, best first.");
    m.def(
        "use_isa", [](const std::string& name) { use_isa(name); }, "name"_a,
        "Takes this instruction set from now on.");
    m.def("opcodes", &opcodes, "The number of each instruction, by name.");
    m.def("empty", &empty, "shape"_a, "wide"_a = false,
          "An uninitialised tensor of float32, or float64 where wide, in memory that earlier ones have left.");
    m.def("kept_bytes", &kept_bytes, "Bytes that tensors of `empty` have left for others.");
    m.def(
        "use_team",
        [](uintptr_t fork, uintptr_t size) {
            use_team(reinterpret_cast<TeamFork>(fork), reinterpret_cast<TeamSize>(size));
        },
        "fork_address"_a, "size_address"_a,
        "Runs on the OpenMP team of GOMP_parallel and omp_get_num_threads at these addresses; 0, 0: on threads of "
        "its own.");
}
