"""Batches fetched one ahead of the step that needs them, while the processor is at the one before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from elman.train.learner import Learner


class Fetching:
    """The batches of one epoch after the other, in order, each with the seconds that were waited for it.

    The first batch of an epoch can be asked for before the epoch begins (`prepare`), so that it is fetched
    while the one before is validated and kept.
    """

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._thread = ThreadPoolExecutor(1, "fetch") if learner.ahead else None
        self._coming: tuple[tuple[int, int], Future[Any]] | None = None
        self._listed: tuple[int, Sequence[Any]] | None = None

    def batches(self, epoch: int) -> Sequence[Any]:
        """All batches of an epoch, listed once."""
        if self._listed is None or self._listed[0] != epoch:
            self._listed = epoch, self._learner.batches(epoch)
        return self._listed[1]

    def prepare(self, epoch: int, place: int = 0) -> None:
        """Begin to fetch the batch of an epoch from which it goes on; nothing where there is none."""
        if self._thread is not None and (self._coming is None or self._coming[0] != (epoch, place)):
            batches = self.batches(epoch)
            if place < len(batches):
                coming = self._thread.submit(self._learner.fetch, batches[place])
                self._coming = (epoch, place), coming

    def epoch(self, epoch: int, place: int = 0) -> Iterator[tuple[Any, float]]:
        """(what `fetch` gives, seconds waited for it) for each batch of an epoch from `place` on."""
        batches = self.batches(epoch)
        for number in range(place, len(batches)):
            began = time.perf_counter()
            self.prepare(epoch, number)
            if self._coming is None:
                ready = self._learner.fetch(batches[number])
            else:
                ready = self._coming[1].result()
            waited = time.perf_counter() - began
            self._coming = None
            if number + 1 < len(batches):
                self.prepare(epoch, number + 1)
            yield ready, waited

    def close(self) -> None:
        """Wait for what is under way, and end the thread."""
        if self._thread is not None:
            self._thread.shutdown()
