"""The light gated recurrent unit, for speech."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.cells.checks import flag
from elman.program.functions import activation as _activation
from elman.program.functions import sigmoid
from elman.program.program import State
from elman.program.symbols import Symbol


class LiGRU(Cell):
    """Light gated recurrent unit, Ravanelli et al. 2018 (arXiv:1803.10225); gate order z, n.

    A GRU without the reset gate. W_hh starts orthogonal.

    Args:
        activation: of the candidate n; the paper's is relu, which is why the paper normalises.
        layer_norm: the product of the input is normalised. The paper normalises over the batch and the steps;
            over the features, as here, training and evaluation are the same.
    """

    states = (State("h"),)

    def __init__(self, activation: str = "relu", layer_norm: bool = True) -> None:
        self.activation = activation
        self.layer_norm = flag("layer_norm", layer_norm)
        self._function = _activation(activation)

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        xz, xn = self.project(x, "ih", gates=2, bias=not self.layer_norm)
        if self.layer_norm:
            xz, xn = self.normalise(xz, xn, name="ih")
        hz, hn = self.project(h, "hh", gates=2, bias=False, init="orthogonal")
        z, n = sigmoid(xz + hz), self._function(xn + hn)
        return n + z * (h - n)
