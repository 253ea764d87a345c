"""How parameters start: names, numbers for the gates, and the two forms for what those cannot say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Named initialisations. `uniform` is U(-1/√H, 1/√H), torch's default for recurrent layers (with heads,
#: H / heads stands for H); `orthogonal` and `identity` hold for each block, of a gate and head, by itself;
#: `glorot` is U(±√(6 / (rows + columns))) for each block.
INITS = ("uniform", "orthogonal", "identity", "glorot", "zeros", "ones")

#: The start of a vector, feature by feature: given a source of numbers from U[0, 1), a number for each gate.
Feature = Callable[[Callable[[], float]], tuple[float, ...]]


@dataclass(frozen=True)
class Normal:
    """A matrix from N(0, scale² / columns): inputs of variance 1 give products of variance scale²."""

    scale: float = 1.0


@dataclass(frozen=True)
class Range:
    """A vector of one gate from U(low, high)."""

    low: float
    high: float

    def __call__(self, random: Callable[[], float]) -> tuple[float]:
        return (self.low + (self.high - self.low) * random(),)


Init = str | tuple[float | None, ...] | Normal | Feature
