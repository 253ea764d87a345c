"""How the learning rate moves: functions of the position alone, so that resuming needs no state."""

from __future__ import annotations

import math
from collections.abc import Sequence

from elman.errors import unknown

SCHEDULES = ("constant", "cosine", "warmup-cosine", "step", "plateau")
PLATEAU_PATIENCE = 2


def factor(
    schedule: str, done: float, *, warmup: float = 0.1, ranks: Sequence[tuple[float, ...]] = ()
) -> float:
    """Factor on the largest learning rate, in 0 to 1.

    done: share of all steps taken before this one, 0 to 1.
    warmup: share over which warmup-cosine rises.
    ranks: how good each finished epoch was (larger is better); read by plateau.

    Cosine without restarts is Loshchilov and Hutter 2017 (arXiv:1608.03983).
    """
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        return _cosine(done)
    if schedule == "warmup-cosine":
        if done < warmup:
            return max(done / warmup, 1e-3)
        return _cosine((done - warmup) / (1.0 - warmup))
    if schedule == "step":
        return 0.1 ** min(int(3 * done), 2)
    if schedule == "plateau":
        return 0.5 ** _plateaus(ranks)
    raise unknown("schedule", schedule, SCHEDULES)


def _cosine(done: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))


def _plateaus(ranks: Sequence[tuple[float, ...]]) -> int:
    """How often `PLATEAU_PATIENCE` epochs in a row brought nothing better."""
    count = waiting = 0
    best: tuple[float, ...] | None = None
    for rank in ranks:
        if best is None or rank > best:
            best, waiting = rank, 0
        else:
            waiting += 1
        if waiting == PLATEAU_PATIENCE:
            count, waiting = count + 1, 0
    return count
