"""The real-gated linear recurrent unit of Griffin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from elman.cells.cell import Cell
from elman.cells.checks import interval
from elman.program.functions import exp, maximum, sigmoid, softplus, sqrt
from elman.program.program import State
from elman.program.starts import Normal
from elman.program.symbols import Symbol, constant

C = 8.0
LEAST = 2.5e-7  # of 1 - a²: bounds the slope of its root by 1000, as the authors' code does


@dataclass(frozen=True)
class Decay:
    """The start of Λ: a^c = σ(Λ)^c uniform in a range (section 2.4)."""

    low: float
    high: float

    def __call__(self, random: Callable[[], float]) -> tuple[float]:
        a = (self.low + (self.high - self.low) * (1 - random())) ** (1 / C)
        return (math.log(a / (1 - a)),)


class RGLRU(Cell):
    """RG-LRU, De et al. 2024 (arXiv:2402.19427), section 2.4; gate order r, i, u.

    r_t and i_t are gates on x_t; log a_t = -c softplus(-Λ) ⊙ r_t with c = 8; and
    h_t = a_t ⊙ h_{t-1} + √(1 - a_t²) ⊙ (i_t ⊙ u_t). The value u_t is a projection of x_t, as x need not be as
    wide as h: the linear layer that Griffin has before its recurrence. W_ih is dense.

    Args:
        low: the least a^c at the start, 0 or more.
        high: the largest, below 1; a^c starts uniform between them.
    """

    states = (State("h"),)

    def __init__(self, low: float = 0.9, high: float = 0.999) -> None:
        self.low, self.high = interval(low, high, within=(0.0, 1.0))

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        decay = self.vector("decay", init=Decay(self.low, self.high))
        xr, xi, u = self.project(x, "ih", gates=3, init=Normal(), bias_init="zeros")
        r, i = sigmoid(xr), sigmoid(xi)
        a = exp(-C * softplus(-decay) * r)
        left = 1 - a * a
        return a * h + sqrt(maximum(left, constant(left, LEAST))) * (i * u)
