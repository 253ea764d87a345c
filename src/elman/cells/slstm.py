"""The sLSTM of xLSTM: exponential gates, kept in range by a stabiliser."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.cells.checks import number, one_of, whole
from elman.program.functions import exp, maximum, select, sigmoid, softplus, tanh
from elman.program.program import State
from elman.program.symbols import Symbol


class SLSTM(Cell):
    """sLSTM, Beck et al. 2024 (arXiv:2405.04517), equations 8 to 17; gate order i, f, z, o.

    The normaliser n is the sum of all that the gates let in, and c / n is a weighted mean. The stabiliser m
    keeps both exponentials at 1 or less without changing h. Where nothing has come in yet (n = 0), m is the
    first input gate, as in the authors' code.

    Args:
        heads: blocks on the diagonal of W_hh; features of different heads do not see one another.
        forget: "exponential" or "sigmoid", the function of the forget gate.
        forget_bias: where the bias of the forget gate starts; None as the others.
    """

    states = (State("h"), State("c"), State("n"), State("m"))

    def __init__(self, heads: int = 1, forget: str = "sigmoid", forget_bias: float | None = None) -> None:
        self.heads = whole("heads", heads, least=1)
        self.forget = one_of("forget", forget, ("sigmoid", "exponential"))
        self.forget_bias = None if forget_bias is None else number("forget_bias", forget_bias)

    def step(
        self, x: Symbol, h: Symbol, c: Symbol, n: Symbol, m: Symbol
    ) -> tuple[Symbol, Symbol, Symbol, Symbol]:
        xi, xf, xz, xo = self.project(x, "ih", gates=4, bias_init=(None, self.forget_bias, None, None))
        hi, hf, hz, ho = self.project(h, "hh", gates=4, heads=self.heads, bias=False)
        i, f, z, o = xi + hi, xf + hf, tanh(xz + hz), sigmoid(xo + ho)
        kept = (f if self.forget == "exponential" else -softplus(-f)) + m
        kept = select(n, kept, i)
        m = maximum(kept, i)
        let_in, keep = exp(i - m), exp(kept - m)
        c = keep * c + let_in * z
        n = keep * n + let_in
        return o * (c / n), c, n, m
