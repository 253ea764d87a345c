"""The quasi-recurrent network: a convolution over time, then a pooling that remembers."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.cells.checks import whole
from elman.program.functions import sigmoid, tanh
from elman.program.program import State
from elman.program.symbols import Symbol


class QRNN(Cell):
    """Quasi-recurrent network with fo-pooling, Bradbury et al. 2016 (arXiv:1611.01576); gate order z, f, o.

    z, f and o are convolutions over the newest `window` inputs, the older of which are the states x1, x2 …
    (of width I).

    Args:
        window: inputs that are seen at each step, 1 or more.
    """

    def __init__(self, window: int = 2) -> None:
        self.window = whole("window", window, least=1)
        self.states = (State("h"), State("c"), *(State(f"x{i}", "I") for i in range(1, window)))

    def step(self, x: Symbol, h: Symbol, c: Symbol, *taps: Symbol) -> tuple[Symbol, ...]:
        xz, xf, xo = self.project(x, "x0", gates=3)
        z, f, o = xz, xf, xo
        for age, tap in enumerate(taps, start=1):
            tz, tf, to = self.project(tap, f"x{age}", gates=3, bias=False)
            z, f, o = z + tz, f + tf, o + to
        z, f, o = tanh(z), sigmoid(f), sigmoid(o)
        c = f * c + (1 - f) * z
        h = o * c
        return h, c, *(x, *taps)[: len(taps)]
