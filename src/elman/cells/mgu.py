"""The minimal gated unit: one gate."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.program.functions import sigmoid, tanh
from elman.program.program import State
from elman.program.symbols import Symbol


class MGU(Cell):
    """Minimal gated unit, Zhou et al. 2016 (arXiv:1603.09420); gate order f, n.

    One gate f both forgets and, as the GRU's reset gate does, weighs the state in the candidate n.
    """

    states = (State("h"),)

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        xf, xn = self.project(x, "ih", gates=2)
        f = sigmoid(xf + self.project(h, "hh", gates=2, only=0))
        n = tanh(xn + self.project(f * h, "hh", gates=2, only=1))
        return h + f * (n - h)
