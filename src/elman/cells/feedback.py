"""A recurrent network whose output layer remembers as well."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.cells.checks import flag
from elman.program.functions import activation as _activation
from elman.program.program import State
from elman.program.symbols import Symbol


class OutputFeedback(Cell):
    """Elman's hidden layer below an output layer with feedback of its own.

    h_t = f(W_ih x_t + b_ih + W_hh h_{t-1}), y_t = g(W_hy h_t + b_hy + W_yy y_{t-1}).

    Args:
        activation: the name of f.
        output: the name of g.
        projection: y has the layer's `proj_size` features, rather than as many as h.
    """

    def __init__(self, activation: str = "tanh", output: str = "tanh", projection: bool = False) -> None:
        self.activation = activation
        self.output = output
        self.projection = flag("projection", projection)
        self.states = (State("y", "P" if projection else "H"), State("h"))
        self._hidden, self._outward = _activation(activation), _activation(output)

    def step(self, x: Symbol, y: Symbol, h: Symbol) -> tuple[Symbol, Symbol]:
        width = self.states[0].width
        h = self._hidden(self.project(x, "ih") + self.project(h, "hh", bias=False))
        y = self._outward(self.project(h, "hy", width=width) + self.project(y, "yy", width=width, bias=False))
        return y, h
