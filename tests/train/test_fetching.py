"""Batches are fetched ahead, over the ends of epochs too, and come in the order that they have."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from elman.train.fetching import AHEAD, Fetching
from elman.train.learner import Learner


class Numbers(Learner):
    """Batches are (epoch, place); fetching one takes `seconds` and is put down."""

    def __init__(self, *, ahead: bool, seconds: float = 0.0, count: int = 3) -> None:
        self.ahead, self.seconds, self.count = ahead, seconds, count  # type: ignore[misc]
        self.fetched: list[tuple[int, int]] = []
        self.threads: set[int] = set()

    def batches(self, epoch: int) -> list[tuple[int, int]]:
        return [(epoch, place) for place in range(self.count)]

    def fetch(self, batch: Any) -> Any:
        time.sleep(self.seconds)
        self.fetched.append(batch)
        self.threads.add(threading.get_ident())
        return batch

    to = step = validate = rank = fingerprint = lambda self, *given: None  # type: ignore[assignment]


@pytest.mark.parametrize("ahead", [False, True])
def test_each_batch_comes_once_and_in_order(ahead: bool) -> None:
    learner = Numbers(ahead=ahead)
    fetching = Fetching(learner)
    fetching.prepare(1)
    came = [batch for epoch in (1, 2) for batch, _ in fetching.epoch(epoch)]
    came += [batch for batch, _ in fetching.epoch(3, 2)]  # from where a stopped run goes on
    fetching.close()
    assert came == [*learner.batches(1), *learner.batches(2), (3, 2)]
    assert sorted(learner.fetched) == came
    assert (threading.get_ident() in learner.threads) is not ahead


def test_the_first_batch_of_an_epoch_is_fetched_before_it_begins() -> None:
    learner = Numbers(ahead=True, seconds=0.05)
    fetching = Fetching(learner)
    list(fetching.epoch(1))
    fetching.prepare(2)
    time.sleep(0.3)  # a validation
    assert learner.fetched[-3:] == [(2, 0), (2, 1), (2, 2)]
    assert sum(waited for _, waited in fetching.epoch(2)) < 0.03
    _, waited = next(iter(fetching.epoch(4)))  # not prepared
    assert waited >= 0.05
    fetching.close()


def test_so_many_batches_are_fetched_ahead_and_no_more() -> None:
    learner = Numbers(ahead=True, count=20)
    fetching = Fetching(learner)
    coming = fetching.epoch(1)
    next(coming)
    time.sleep(0.2)  # a step
    assert len(learner.fetched) == 1 + AHEAD
    assert [batch for batch, _ in coming] == learner.batches(1)[1:]
    fetching.close()


def test_what_was_prepared_in_vain_is_left_out() -> None:
    fetching = Fetching(Numbers(ahead=True))
    fetching.prepare(1, 1)
    fetching.prepare(1, 3)  # there is none
    assert [batch for batch, _ in fetching.epoch(5)] == [(5, 0), (5, 1), (5, 2)]
    fetching.close()
