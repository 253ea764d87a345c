"""Checks a case, then times it. A case that fails its check has no times."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from benchmarks.agreement import disagreement
from benchmarks.cases import Case
from benchmarks.timing import Effort, MatrixRate, interleave, quartiles, ratio
from benchmarks.work import Setup, prepare, results, timed


@dataclass(frozen=True)
class Times:
    """Seconds of the calls of one library in one case: median and quartiles, and the rate at the median."""

    median: float
    first_quartile: float
    third_quartile: float
    gflops_per_second: float
    share_of_mm: float

    @classmethod
    def of(cls, seconds: list[float], case: Case, mm_rate: float) -> Times:
        median = statistics.median(seconds)
        rate = case.flops() / median / 1e9
        return cls(median, *quartiles(seconds), rate, rate / mm_rate)


@dataclass(frozen=True)
class Row:
    """What came of a case: either `wrong` says what does not agree with the oracle, or the rest is there."""

    case: Case
    wrong: str = ""
    rounds: int = 0
    ratio: float | None = None
    mm_gflops_per_second: float | None = None
    libraries: dict[str, Times] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "flops": self.case.flops()}


def measure(case: Case, setup: Setup, effort: Effort, mm: MatrixRate) -> Row:
    """Times elman's layer and torch.nn's, and torch.mm before and after."""
    mm.measure()
    layers = {"torch": setup.theirs, "elman": setup.ours}
    times = interleave({name: timed(layer, case, setup) for name, layer in layers.items()}, effort)
    mm.measure()
    mm_rate = mm.rate(last=2)
    return Row(
        case,
        rounds=len(times["elman"]),
        ratio=ratio(times["torch"], times["elman"]),
        mm_gflops_per_second=mm_rate,
        libraries={name: Times.of(seconds, case, mm_rate) for name, seconds in times.items()},
    )


def run(
    cases: list[Case],
    effort: Effort,
    mm: MatrixRate,
    prepare: Callable[..., Setup] = prepare,
    starting: Callable[[Case], None] = lambda case: None,
) -> Iterator[Row]:
    """One row a case, in order; `starting` is called before each."""
    for (kind, shape), group in groupby(cases, key=lambda case: (case.kind, case.shape)):
        setup, wrong = None, ""
        for case in group:
            starting(case)
            if setup is None:
                setup = prepare(kind, shape)
                wrong = disagreement(results(setup.ours, setup), results(setup.oracle, setup))
            yield Row(case, wrong=wrong) if wrong else measure(case, setup, effort, mm)
