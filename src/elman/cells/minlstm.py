"""The LSTM cut down to gates that see the input alone."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.program.functions import sigmoid
from elman.program.program import State
from elman.program.symbols import Symbol


class MinLSTM(Cell):
    """minLSTM, Feng et al. 2024 (arXiv:2410.01201), section 3.2; gate order f, i, n.

    The plain form: no gate sees the state, f and i are divided by their sum, and n has no activation.
    """

    states = (State("h"),)

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        xf, xi, n = self.project(x, "ih", gates=3)
        f, i = sigmoid(xf), sigmoid(xi)
        total = f + i
        return f / total * h + i / total * n
