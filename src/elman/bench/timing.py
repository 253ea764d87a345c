"""Times of several functions that share a machine: interleaved, warm, and given as medians."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Effort:
    """How long to measure: at least `rounds` rounds and `seconds` seconds, but no more than `most` rounds."""

    warmup_seconds: float
    rounds: int
    seconds: float
    most: int = 2000


FULL = Effort(warmup_seconds=0.3, rounds=11, seconds=2.0)
QUICK = Effort(warmup_seconds=0.1, rounds=7, seconds=0.5)


def seconds_of(work: Callable[[], object]) -> float:
    """How long a call takes. One that returns a float has timed itself, in another process."""
    start = time.perf_counter()
    result = work()
    return result if isinstance(result, float) else time.perf_counter() - start


def interleave(works: Mapping[str, Callable[[], object]], effort: Effort) -> dict[str, list[float]]:
    """Seconds of every call, by name; entry k of each list is from the same round.

    A round calls each function once, in turn forwards and backwards, so that neither a drift of the
    machine's speed nor what the neighbour left in the caches favours one of them.
    """
    names = list(works)
    for name in names:
        until = time.perf_counter() + effort.warmup_seconds
        works[name]()
        while time.perf_counter() < until:
            works[name]()
    times: dict[str, list[float]] = {name: [] for name in names}
    gc_was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for number in range(effort.most):
            if number >= effort.rounds and time.perf_counter() - start >= effort.seconds:
                break
            for name in names if number % 2 == 0 else reversed(names):
                times[name].append(seconds_of(works[name]))
    finally:
        if gc_was_on:
            gc.enable()
    return times


def ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """How many times as fast `fast` is: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third quartile."""
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


class MatrixRate:
    """The rate of torch.mm on 1024 x 1024 float32 matrices, in GF/s: what the machine can do."""

    SIZE = 1024

    def __init__(self, repeats: int = 7) -> None:
        self.a = torch.rand(self.SIZE, self.SIZE)
        self.b = torch.rand(self.SIZE, self.SIZE)
        self.out = torch.empty(self.SIZE, self.SIZE)
        self.repeats = repeats
        self.samples: list[float] = []
        for _ in range(3):  # the warm-up
            torch.mm(self.a, self.b, out=self.out)
        self.measure()

    def measure(self) -> None:
        """Adds some samples; called before and after every case."""
        for _ in range(self.repeats):
            took = seconds_of(lambda: torch.mm(self.a, self.b, out=self.out))
            self.samples.append(2 * self.SIZE**3 / took / 1e9)

    def spread(self) -> float:
        """How far apart the quartiles of all samples lie, as a share of the median."""
        first, third = quartiles(self.samples)
        return (third - first) / self.rate()

    def rate(self, last: int | None = None) -> float:
        """The median of the last `last` calls of `measure`, or of all."""
        count = len(self.samples) if last is None else last * self.repeats
        return statistics.median(self.samples[-count:])
