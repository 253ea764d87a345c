"""The simple recurrent network of Elman (1990)."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.program.functions import activation as _activation
from elman.program.program import State
from elman.program.symbols import Symbol


class RNN(Cell):
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), Elman 1990, "Finding structure in time".

    Args:
        activation: the name of f, such as "tanh", "relu" or "sigmoid".
    """

    states = (State("h"),)

    def __init__(self, activation: str = "tanh") -> None:
        self.activation = activation
        self._function = _activation(activation)

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        return self._function(self.project(x, "ih") + self.project(h, "hh"))
