// What the parts of the Python module are called.
#pragma once
#include <nanobind/nanobind.h>

#include <string>

namespace elman {
namespace float32 {
void bind_plan(nanobind::module_& m, const std::string& suffix);
}
namespace float64 {
void bind_plan(nanobind::module_& m, const std::string& suffix);
}
}  // namespace elman
