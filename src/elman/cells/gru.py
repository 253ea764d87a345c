"""The gated recurrent unit, in both of its forms."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.program.functions import sigmoid, tanh
from elman.program.program import State
from elman.program.symbols import Symbol


class GRU(Cell):
    """Gated recurrent unit, Cho et al. 2014 (arXiv:1406.1078); gate order r, z, n.

    The reset gate acts on the candidate's recurrent product (`reset_after=True`, as in torch and cuDNN) or,
    as in the paper's equation 8, on the state before the product (`reset_after=False`).
    """

    states = (State("h"),)

    def __init__(self, reset_after: bool = True) -> None:
        self.reset_after = reset_after

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        xr, xz, xn = self.project(x, "ih", gates=3)
        if self.reset_after:
            hr, hz, hn = self.project(h, "hh", gates=3)
            r, z = sigmoid(xr + hr), sigmoid(xz + hz)
            n = tanh(xn + r * hn)
        else:
            hr, hz = self.project(h, "hh", gates=3, only=(0, 2))
            r, z = sigmoid(xr + hr), sigmoid(xz + hz)
            n = tanh(xn + self.project(r * h, "hh", gates=3, only=2))
        return n + z * (h - n)
