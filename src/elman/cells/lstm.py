"""Long short-term memory and its variants, each an option and all of them free to combine."""

from __future__ import annotations

from typing import Any

from elman.cells.cell import Cell
from elman.cells.checks import flag, number
from elman.program.functions import activation as _activation
from elman.program.program import State
from elman.program.symbols import Symbol


class LSTM(Cell):
    """Long short-term memory, Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000;
    gate order i, f, g, o (coupled: i, g, o).

    Args:
        peepholes: gates see the cell state through per-feature weights, Gers et al. 2002 (order i, f, o;
            coupled: i, o; the output gate sees the new cell state).
        projection: the hidden state is W_hr (o * tanh(c)), Sak et al. 2014 (arXiv:1402.1128), of width P.
        layer_norm: both products and the new c within the output are normalised, Ba et al. 2016
            (arXiv:1607.06450), equations 20 to 22; all gates of a product together.
        coupled: the forget gate is f = 1 - i, the CIFG of Greff et al. 2015 (arXiv:1503.04069).
        activation: the name of the function of the candidate g and of c in the output; tanh as a rule.
        gate_activation: the name of the function of the gates i, f and o.
        forget_bias: a starting value for the forget gate's input bias (Jozefowicz et al. 2015 advise 1);
            coupled, its negative is the input gate's. None keeps torch's uniform start.
    """

    def __init__(
        self,
        peepholes: bool = False,
        projection: bool = False,
        coupled: bool = False,
        layer_norm: bool = False,
        activation: str = "tanh",
        gate_activation: str = "sigmoid",
        forget_bias: float | None = None,
    ) -> None:
        self.peepholes = flag("peepholes", peepholes)
        self.projection = flag("projection", projection)
        self.coupled = flag("coupled", coupled)
        self.layer_norm = flag("layer_norm", layer_norm)
        self.activation = activation
        self.gate_activation = gate_activation
        self.forget_bias = None if forget_bias is None else number("forget_bias", forget_bias)
        self._state, self._gate = _activation(activation), _activation(gate_activation)
        self.states = (State("h", "P" if projection else "H"), State("c"))

    def step(self, x: Symbol, h: Symbol, c: Symbol) -> tuple[Symbol, Symbol]:
        xi, xf, xg, xo = self._gates(x, "ih", self._bias_init())
        hi, hf, hg, ho = self._gates(h, "hh")
        pi, pf, po = self._peepholes()
        i, o = xi + hi, xo + ho
        i = self._gate(i + pi * c if self.peepholes else i)
        if self.coupled:
            f = 1 - i
        else:
            f = xf + hf
            f = self._gate(f + pf * c if self.peepholes else f)
        g = self._state(xg + hg)
        c = f * c + i * g
        o = self._gate(o + po * c if self.peepholes else o)
        h = o * self._state(self.normalise(c, name="c") if self.layer_norm else c)
        if self.projection:
            h = self.project(h, "hr", width="P", bias=False)
        return h, c

    def _bias_init(self) -> tuple[float | None, ...] | None:
        if self.forget_bias is None:
            return None
        return (-self.forget_bias, None, None) if self.coupled else (None, self.forget_bias, None, None)

    def _gates(
        self, value: Symbol, name: str, bias_init: tuple[float | None, ...] | None = None
    ) -> tuple[Any, ...]:
        """The products for i, f, g and o; where gates are coupled there is none for f."""
        count = 3 if self.coupled else 4
        if self.layer_norm:
            products = self.project(value, name, gates=count, bias=False)
            gates = self.normalise(
                *products, name=name, bias_init=[b or 0.0 for b in bias_init or [0.0] * count]
            )
        else:
            gates = self.project(value, name, gates=count, bias_init=bias_init)
        return (gates[0], None, *gates[1:]) if self.coupled else gates

    def _peepholes(self) -> tuple[Any, ...]:
        """The weights of c in i, f and o."""
        if not self.peepholes:
            return None, None, None
        if not self.coupled:
            return self.vector("peephole", gates=3)
        i, o = self.vector("peephole", gates=2)
        return i, None, o
