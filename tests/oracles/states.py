"""States to start from that a cell can be in: some cells divide by theirs, and not every number is one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from elman.backends import recurrence
from elman.program import Program


def reached(program: Program, parameters: Mapping[str, Tensor], batch: int, features: int) -> list[Tensor]:
    """Each state (batch, W) after two steps from zeros over random inputs of so many features, in float64."""
    with torch.no_grad():
        x = 2 * torch.randn(2, batch, features, dtype=torch.float64)
        _, finals = recurrence(program, x, parameters, [None] * len(program.states), backend="reference")
    return [final.clone().requires_grad_() for final in finals]
