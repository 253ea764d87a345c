"""What came of a case: its times, and the figures that follow from them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from elman.bench.shapes import Shape
from elman.bench.timing import Effort, MatrixRate, interleave, quartiles, ratio

Unit = Literal["times", "share", "GF/s", "MB"]


@dataclass(frozen=True)
class Figure:
    """A number that follows from the times, and what it ought to be: at least `least`, at most `most`."""

    value: float
    unit: Unit = "times"
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.least is None and self.most is None:
            return None
        above = self.least is None or self.value >= self.least
        return above and (self.most is None or self.value <= self.most)

    def __str__(self) -> str:
        return {"times": f"{self.value:.2f}", "share": f"{self.value:.0%}"}.get(
            self.unit, f"{self.value:.0f}"
        )

    @property
    def target(self) -> str:
        """The target in words, such as "≥ 1.25"; empty where there is none."""
        bounds = ((sign, bound) for sign, bound in (("≥", self.least), ("≤", self.most)) if bound is not None)
        return " and ".join(
            f"{sign} {bound:.0%}" if self.unit == "share" else f"{sign} {bound:g}" for sign, bound in bounds
        )


@dataclass(frozen=True)
class Times:
    """Seconds of the calls of one contestant in one case: median and quartiles."""

    median: float
    first_quartile: float
    third_quartile: float

    @classmethod
    def of(cls, seconds: list[float]) -> Times:
        return cls(statistics.median(seconds), *quartiles(seconds))


@dataclass(frozen=True)
class Row:
    """What came of a case: either `wrong` says what does not agree with the oracle, or the rest is there.

    times: by contestant; figures: by what they say; notes: words in the place of a time or figure; about:
    more on a contestant, for the record alone.
    """

    what: str
    mode: str
    shape: Shape
    wrong: str = ""
    rounds: int = 0
    mm_gflops_per_second: float | None = None
    times: Mapping[str, Times] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.what} {self.shape} {self.mode}"

    def as_json(self) -> dict[str, Any]:
        """All fields; each figure with whether it is what it ought to be."""
        content = asdict(self)
        for name, figure in self.figures.items():
            content["figures"][name]["met"] = figure.met
        return content


@dataclass(frozen=True)
class Measured:
    """Seconds of every call by contestant, in rounds, and the rate of torch.mm before and after, in GF/s."""

    seconds: Mapping[str, list[float]]
    mm: float

    def times(self) -> dict[str, Times]:
        return {name: Times.of(values) for name, values in self.seconds.items()}

    def ratio(self, slow: str, fast: str) -> float:
        """How many times as fast `fast` is: the median over the rounds."""
        return ratio(self.seconds[slow], self.seconds[fast])

    @property
    def rounds(self) -> int:
        return len(next(iter(self.seconds.values())))


def measure(works: Mapping[str, Callable[[], object]], effort: Effort, mm: MatrixRate) -> Measured:
    """Times the contestants in turns, and torch.mm before and after."""
    mm.measure()
    seconds = interleave(works, effort)
    mm.measure()
    return Measured(seconds, mm.rate(last=2))
