"""A nonlinear autoregressive network with exogenous inputs: taps of older outputs, states and inputs."""

from __future__ import annotations

from elman.cells.cell import Cell
from elman.cells.checks import whole
from elman.program.functions import activation as _activation
from elman.program.program import State
from elman.program.symbols import Symbol


class NARX(Cell):
    """NARX, Lin et al. 1996, "Learning long-term dependencies in NARX recurrent neural networks".

    h_t = f(W_y1 y_{t-1} + … + W_yn y_{t-n} + W_h1 h_{t-1} + … + W_hm h_{t-m} + W_x0 x_t + … + W_xk x_{t-k}
    + b_x0), y_t = g(W_out h_t + b_out). States are the taps: y, y2 … yn, h1 … hm, and x1 … xk (of width I).

    Args:
        outputs: n, older outputs that are seen, 0 or more.
        hidden: m, older hidden states that are seen, 0 or more.
        inputs: k, older inputs that are seen, 0 or more; the newest is always seen.
        activation: the name of f.
        output: the name of g.
    """

    def __init__(
        self,
        outputs: int = 2,
        hidden: int = 1,
        inputs: int = 2,
        activation: str = "tanh",
        output: str = "identity",
    ) -> None:
        self.outputs = whole("outputs", outputs, least=0)
        self.hidden = whole("hidden", hidden, least=0)
        self.inputs = whole("inputs", inputs, least=0)
        self.activation = activation
        self.output = output
        self._hidden, self._outward = _activation(activation), _activation(output)
        self.states = (
            State("y"),
            *(State(f"y{i}") for i in range(2, outputs + 1)),
            *(State(f"h{i}") for i in range(1, hidden + 1)),
            *(State(f"x{i}", "I") for i in range(1, inputs + 1)),
        )

    def step(self, x: Symbol, *states: Symbol) -> tuple[Symbol, ...]:
        n = max(self.outputs, 1)  # the output is a state even where nothing sees it
        ys, hs, xs = states[:n], states[n : n + self.hidden], states[n + self.hidden :]
        total = self.project(x, "x0")
        taps = {"y": ys[: self.outputs], "h": hs, "x": xs}
        for kind, tapped in taps.items():
            for age, tap in enumerate(tapped, start=1):
                total = total + self.project(tap, f"{kind}{age}", bias=False)
        h = self._hidden(total)
        y = self._outward(self.project(h, "out"))
        return y, *ys[: n - 1], *(h, *hs)[: self.hidden], *(x, *xs)[: self.inputs]
