// What the engine throws: a message that names the argument or stage, what was expected and what came.
#pragma once
#include <stdexcept>

namespace elman {

struct EngineError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace elman
