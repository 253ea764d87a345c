"""The network of Jordan (1986): what it puts out is what it remembers."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.cells.checks import flag
from elman.program.functions import activation as _activation
from elman.program.program import State
from elman.program.symbols import Symbol


class Jordan(Cell):
    """h_t = f(W_ih x_t + b_ih + W_yh y_{t-1}), y_t = g(W_hy h_t + b_hy), Jordan 1986, "Serial order".

    Its state is its output y, fed back.

    Args:
        activation: the name of f.
        output: the name of g.
        projection: y has the layer's `proj_size` features, rather than as many as h.
    """

    def __init__(self, activation: str = "tanh", output: str = "identity", projection: bool = False) -> None:
        self.activation = activation
        self.output = output
        self.projection = flag("projection", projection)
        self.states = (State("y", "P" if projection else "H"),)
        self._hidden, self._outward = _activation(activation), _activation(output)

    def step(self, x: Symbol, y: Symbol) -> Symbol:
        h = self._hidden(self.project(x, "ih") + self.project(y, "yh", bias=False))
        return self._outward(self.project(h, "hy", width=self.states[0].width))
