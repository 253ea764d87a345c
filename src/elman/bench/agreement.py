"""Whether a layer computes what it should: no figure is printed for one that does not."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

TOLERANCE = 2e-5


def disagreement(
    found: Mapping[str, Tensor], oracle: Mapping[str, Tensor], tolerance: float = TOLERANCE
) -> str:
    """Says which result is wrong, or "" where all are right.

    A result is right where it is within `tolerance` (for float32, 2e-5) of the float64 one, times the largest
    value of the tensor where that is above 1 (a weight gradient is a sum over B * T terms).
    """
    if found.keys() != oracle.keys():
        return f"results {sorted(found)} in place of {sorted(oracle)}"
    for name, right in oracle.items():
        value = found[name]
        if value.shape != right.shape:
            return f"{name} has shape {tuple(value.shape)} in place of {tuple(right.shape)}"
        if not value.numel():
            continue
        scale = max(1.0, right.abs().max().item())
        error = (value.to(right.dtype) - right).abs().max().item() / scale
        if not error <= tolerance:  # NaN is an error too
            return f"{name} is off by {error:.1e} of its scale, where {tolerance:.0e} is allowed"
    return ""
