"""The simple recurrent unit: gates that see only their own feature's past."""

from __future__ import annotations

import math

from elman.cells.cell import Cell
from elman.cells.checks import number
from elman.program.functions import sigmoid
from elman.program.program import State
from elman.program.symbols import Symbol


class SRU(Cell):
    """Simple recurrent unit, Lei et al. 2018 (arXiv:1709.02755), equations 1 to 4; gate order f, r.

    The highway carries α x_t past the recurrence. It needs x to be as wide as the state, so x goes through
    the learned W_skip, as in the authors' own code where widths differ.

    Args:
        highway_bias: b, where the bias of the gate r starts; α = √(1 + 2 e^b) keeps variances at the start.
    """

    states = (State("h"), State("c"))

    def __init__(self, highway_bias: float = 0.0) -> None:
        self.highway_bias = number("highway_bias", highway_bias)

    def step(self, x: Symbol, h: Symbol, c: Symbol) -> tuple[Symbol, Symbol]:
        alpha = math.sqrt(1 + 2 * math.exp(self.highway_bias))
        u = self.project(x, "ih", bias=False, init="glorot")
        skip = self.project(x, "skip", bias=False, init="glorot")
        xf, xr = self.project(x, "gates", gates=2, init="glorot", bias_init=(0.0, self.highway_bias))
        vf, vr = self.vector("v", gates=2)
        f, r = sigmoid(xf + vf * c), sigmoid(xr + vr * c)
        c = f * c + (1 - f) * u
        h = r * c + alpha * ((1 - r) * skip)
        return h, c
