"""The independently recurrent network: each feature sees its own past alone."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.cells.checks import interval
from elman.program.functions import activation as _activation
from elman.program.program import State
from elman.program.starts import Range
from elman.program.symbols import Symbol


class IndRNN(Cell):
    """h_t = f(W_ih x_t + b_ih + u ⊙ h_{t-1}), Li et al. 2018 (arXiv:1803.04831).

    Args:
        activation: the name of f; the paper's is relu.
        low: the least value that u starts with; one near 1 keeps memories long.
        high: the largest; u starts uniform between them. Over T steps a feature grows by at most high^T, so
            for long sequences the paper bounds |u| by 2^(1/T).
    """

    states = (State("h"),)

    def __init__(self, activation: str = "relu", low: float = 0.0, high: float = 1.0) -> None:
        self.activation = activation
        self.low, self.high = interval(low, high)
        self._function = _activation(activation)

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        u = self.vector("recurrent", init=Range(self.low, self.high))
        return self._function(self.project(x, "ih") + u * h)
