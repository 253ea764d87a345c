"""The simple recurrent network of Elman (1990)."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.cells.checks import one_of
from elman.program.functions import activation as _activation
from elman.program.program import State
from elman.program.symbols import Symbol


class RNN(Cell):
    """h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), Elman 1990, "Finding structure in time".

    Args:
        activation: the name of f, such as "tanh", "relu" or "sigmoid".
        start: how W_hh starts: "uniform" as in torch, "orthogonal", or "identity" with biases of zero, which
            with relu is the IRNN of Le et al. 2015 (arXiv:1504.00941).
    """

    states = (State("h"),)

    def __init__(self, activation: str = "tanh", start: str = "uniform") -> None:
        self.activation = activation
        self.start = one_of("start", start, ("uniform", "orthogonal", "identity"))
        self._function = _activation(activation)

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        bias = "zeros" if self.start == "identity" else None
        inward = self.project(x, "ih", bias_init=bias)
        return self._function(inward + self.project(h, "hh", init=self.start, bias_init=bias))
