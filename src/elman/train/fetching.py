"""Batches fetched ahead of the steps that need them, while the processor is at those before."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from elman.train.learner import Learner

# Batches: where every core is busy, the thread that fetches them may have to wait some milliseconds.
AHEAD = 4


class Fetching:
    """The batches of one epoch after the other, in order, each with the seconds that were waited for it.

    The first ones of an epoch can be asked for before it begins (`prepare`), so that they are fetched while
    the epoch before is validated and kept.
    """

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._thread = ThreadPoolExecutor(1, "fetch") if learner.ahead else None
        self._listed: tuple[int, Sequence[Any]] | None = None
        self._from = (0, 0)  # epoch and place of the first batch that is coming; the others follow it
        self._coming: deque[Future[Any]] = deque()

    def batches(self, epoch: int) -> Sequence[Any]:
        """All batches of an epoch, listed once."""
        if self._listed is None or self._listed[0] != epoch:
            self._listed = epoch, self._learner.batches(epoch)
        return self._listed[1]

    def prepare(self, epoch: int, place: int = 0) -> None:
        """Begin to fetch the batches of an epoch from the place from which it goes on."""
        if self._thread is None:
            return
        if self._from != (epoch, place):
            self._drop()
            self._from = epoch, place
        following = self.batches(epoch)[place + len(self._coming) : place + AHEAD]
        self._coming += [self._thread.submit(self._learner.fetch, batch) for batch in following]

    def epoch(self, epoch: int, place: int = 0) -> Iterator[tuple[Any, float]]:
        """(what `fetch` gives, seconds waited for it) for each batch of an epoch from `place` on."""
        for number, batch in enumerate(self.batches(epoch)[place:], place):
            began = time.perf_counter()
            self.prepare(epoch, number)
            if self._coming:
                ready, self._from = self._coming.popleft().result(), (epoch, number + 1)
            else:
                ready = self._learner.fetch(batch)
            waited = time.perf_counter() - began
            self.prepare(epoch, number + 1)
            yield ready, waited

    def close(self) -> None:
        """Wait for what is under way, and end the thread."""
        self._drop()
        if self._thread is not None:
            self._thread.shutdown()

    def _drop(self) -> None:
        """Forget what is not needed any more."""
        for coming in self._coming:
            coming.cancel()
        self._coming.clear()
