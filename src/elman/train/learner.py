"""Learner: what the loop asks of a task. The loop knows no data, a learner knows no optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """One batch's forward pass.

    loss: scalar, the mean over `count` terms.
    sums: figures as sums over the same terms, such as {"accuracy": number of hits}; scalars.
    sequences: sequences in the batch, for the speed.
    """

    loss: Tensor
    count: int
    sums: Mapping[str, Tensor]
    sequences: int


class Learner(Protocol):
    """A model with its training data, as the loop sees it."""

    module: nn.Module
    headline: str  # the figure to show, such as "accuracy"

    def to(self, device: torch.device) -> None:
        """Move the data (the loop moves the module)."""

    def batches(self, epoch: int) -> Sequence[Any]:
        """The batches of an epoch (from 1); the same at every call, so that a stopped run can go on."""
        ...

    def step(self, module: nn.Module, batch: Any) -> Step:
        """The forward pass on one batch."""
        ...

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Figures on the validation data, `loss` among them; empty if there is none."""
        ...

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """How good an epoch was: larger is better."""
        ...

    def fingerprint(self) -> str:
        """Of the data; another one means other data."""
        ...

    def padding(self, batches: Sequence[Any]) -> float:
        """Share of these batches' steps that is padding, 0 to 1."""
        ...
