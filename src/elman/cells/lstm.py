"""Long short-term memory, with peepholes and with a projected state as options."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.program.functions import sigmoid, tanh
from elman.program.program import State
from elman.program.symbols import Symbol


class LSTM(Cell):
    """Long short-term memory, Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000;
    gate order i, f, g, o.

    Args:
        peepholes: gates see the cell state through per-feature weights, Gers et al. 2002 (order i, f, o;
            the output gate sees the new cell state).
        projection: the hidden state is W_hr (o * tanh(c)), Sak et al. 2014 (arXiv:1402.1128), of width P.
        forget_bias: a starting value for the forget gate's input bias (Jozefowicz et al. 2015 advise 1);
            None keeps torch's uniform start.
    """

    def __init__(
        self, peepholes: bool = False, projection: bool = False, forget_bias: float | None = None
    ) -> None:
        self.peepholes = peepholes
        self.projection = projection
        self.forget_bias = forget_bias
        self.states = (State("h", "P" if projection else "H"), State("c"))

    def step(self, x: Symbol, h: Symbol, c: Symbol) -> tuple[Symbol, Symbol]:
        bias_init = None if self.forget_bias is None else (None, self.forget_bias, None, None)
        xi, xf, xg, xo = self.project(x, "ih", gates=4, bias_init=bias_init)
        hi, hf, hg, ho = self.project(h, "hh", gates=4)
        i, f, g, o = xi + hi, xf + hf, xg + hg, xo + ho
        pi, pf, po = self.vector("peephole", gates=3) if self.peepholes else (0, 0, 0)
        if self.peepholes:
            i, f = i + pi * c, f + pf * c
        i, f, g = sigmoid(i), sigmoid(f), tanh(g)
        c = f * c + i * g
        o = sigmoid(o + po * c if self.peepholes else o)
        h = o * tanh(c)
        if self.projection:
            h = self.project(h, "hr", width="P", bias=False)
        return h, c
