"""The GRU cut down to gates that see the input alone."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.program.functions import sigmoid
from elman.program.program import State
from elman.program.symbols import Symbol


class MinGRU(Cell):
    """minGRU, Feng et al. 2024 (arXiv:2410.01201), section 3.1; gate order z, n.

    The plain form: neither z nor the candidate n sees the state, and n has no activation.
    """

    states = (State("h"),)

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        xz, n = self.project(x, "ih", gates=2)
        z = sigmoid(xz)
        return (1 - z) * h + z * n
