"""The linear recurrent unit: a complex diagonal recurrence, started on a ring."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from elman.cells.cell import Cell
from elman.cells.checks import interval, number
from elman.program.functions import cos, exp, sin
from elman.program.program import State
from elman.program.starts import Normal
from elman.program.symbols import Symbol


@dataclass(frozen=True)
class Ring:
    """Starts of log ν, log θ and log γ: λ = exp(-ν + i θ) uniform on a ring (lemma 3.2), γ = √(1 - |λ|²)."""

    low: float
    high: float
    phase: float

    def __call__(self, random: Callable[[], float]) -> tuple[float, float, float]:
        square = self.low**2 + (self.high**2 - self.low**2) * (1 - random())  # |λ|², in (low², high²]
        angle = self.phase * (1 - random())
        return math.log(-0.5 * math.log(square)), math.log(angle), 0.5 * math.log(1 - square)


class LRU(Cell):
    """Linear recurrent unit, Orvieto et al. 2023 (arXiv:2303.06349), section 3.

    s_t = λ ⊙ s_{t-1} + γ ⊙ (B x_t) in complex numbers, kept as re and im; y_t = Re(C s_t) + D x_t. The
    parameter `ring` holds log ν, log θ and log γ, where λ = exp(-ν + i θ); gate order of `weight_in`: re, im.
    D is a full matrix here, as x need not be as wide as y.

    Args:
        low: the least |λ| at the start, 0 or more.
        high: the largest, below 1.
        phase: the angle of λ starts in (0, phase], in radians.
    """

    states = (State("y"), State("re"), State("im"))

    def __init__(self, low: float = 0.4, high: float = 0.99, phase: float = math.tau) -> None:
        self.low, self.high = interval(low, high, within=(0.0, 1.0))
        self.phase = number("phase", phase, above=0.0)

    def step(self, x: Symbol, y: Symbol, re: Symbol, im: Symbol) -> tuple[Symbol, Symbol, Symbol]:
        nu, theta, gamma = self.vector("ring", gates=3, init=Ring(self.low, self.high, self.phase))
        size, angle, scale = exp(-exp(nu)), exp(theta), exp(gamma)
        a, b = size * cos(angle), size * sin(angle)
        u, v = self.project(x, "in", gates=2, bias=False, init=Normal(math.sqrt(0.5)))
        skip = self.project(x, "skip", bias=False, init=Normal())
        re, im = a * re - b * im + scale * u, a * im + b * re + scale * v
        y = self.project(re, "re", bias=False, init=Normal()) - self.project(
            im, "im", bias=False, init=Normal()
        )
        return y + skip, re, im
