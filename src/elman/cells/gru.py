"""The gated recurrent unit, in both of its forms."""

from __future__ import annotations

from typing import Any

from elman.cells.cell import Cell
from elman.cells.checks import flag
from elman.program.functions import sigmoid, tanh
from elman.program.program import State
from elman.program.symbols import Symbol


class GRU(Cell):
    """Gated recurrent unit, Cho et al. 2014 (arXiv:1406.1078); gate order r, z, n.

    Args:
        reset_after: the reset gate acts on the candidate's recurrent product, as in torch and cuDNN; else, as
            in the paper's equation 8, on the state before that product.
        layer_norm: products are normalised, r and z together and n by itself, Ba et al. 2016
            (arXiv:1607.06450), equations 23 to 25 of the supplement.
    """

    states = (State("h"),)

    def __init__(self, reset_after: bool = True, layer_norm: bool = False) -> None:
        self.reset_after = flag("reset_after", reset_after)
        self.layer_norm = flag("layer_norm", layer_norm)

    def step(self, x: Symbol, h: Symbol) -> Symbol:
        plain = not self.layer_norm
        xr, xz, xn = self._normal("ih", *self.project(x, "ih", gates=3, bias=plain))
        if self.reset_after:
            hr, hz, hn = self._normal("hh", *self.project(h, "hh", gates=3, bias=plain))
            r, z = sigmoid(xr + hr), sigmoid(xz + hz)
            n = tanh(xn + r * hn)
        else:
            hr, hz = self._normal("hh", *self.project(h, "hh", gates=3, only=(0, 2), bias=plain))
            r, z = sigmoid(xr + hr), sigmoid(xz + hz)
            candidate = self._normal("hh", self.project(r * h, "hh", gates=3, only=2, bias=plain))
            n = tanh(xn + candidate[0])
        return n + z * (h - n)

    def _normal(self, name: str, *values: Symbol) -> tuple[Any, ...]:
        """r and z (the first two of two or three values) and n (the last of one or three), normalised."""
        if not self.layer_norm:
            return values
        gates = self.normalise(*values[:2], name=f"{name}_rz") if len(values) > 1 else ()
        return *gates, *(self.normalise(n, name=f"{name}_n") for n in values[len(gates) :])
