// The type of every value that the engine computes.
#pragma once

namespace elman {

using Real = float;

}  // namespace elman
