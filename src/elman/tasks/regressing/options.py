"""The options of regress."""

from __future__ import annotations

from dataclasses import dataclass

from elman.tasks.pooled.options import PooledOptions
from elman.train.options import choice


@dataclass(frozen=True, kw_only=True)
class RegressOptions(PooledOptions):
    """The options of regress."""

    loss: str = choice("squared", ("squared", "absolute", "huber"))
    """What is made small: the square of the error, its size, or (huber) the square up to one standard
    deviation of the targets and the size beyond."""
