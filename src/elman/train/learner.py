"""Learner: what the loop asks of a task. The loop knows no data, a learner knows no optimizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Step:
    """One batch's forward pass.

    loss: scalar, the mean over `count` terms, and what the gradient is taken of.
    sums: figures as sums over the same terms, such as {"accuracy": number of hits}; scalars.
    sequences: sequences in the batch (or whatever the learner's `unit` is), for the speed.
    figure: scalar to be reported as the loss where `loss` holds penalties too.
    """

    loss: Tensor
    count: int
    sums: Mapping[str, Tensor]
    sequences: int
    figure: Tensor | None = None


class Learner(ABC):
    """A model with its training data, as the loop sees it."""

    module: nn.Module
    headline: str  # the figure to show, such as "accuracy"
    unit: ClassVar[str] = "sequences"  # what `Step.sequences` counts
    #: whether `fetch` runs in a thread of its own, one batch ahead: for batches that are read or gathered
    ahead: ClassVar[bool] = False

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Move the data (the loop moves the module)."""

    @abstractmethod
    def batches(self, epoch: int) -> Sequence[Any]:
        """The batches of an epoch (from 1); the same at every call, so that a stopped run can go on."""

    def fetch(self, batch: Any) -> Any:
        """What `step` is to be given for a batch, such as its tensors; the time this takes is measured.

        It leaves torch's random state alone: what it draws, it draws from the batch and the seed.
        """
        return batch

    @abstractmethod
    def step(self, module: nn.Module, batch: Any) -> Step:
        """The forward pass on one fetched batch."""

    @abstractmethod
    def validate(self, module: nn.Module) -> dict[str, float]:
        """Figures on the validation data, `loss` among them; empty if there is none."""

    @abstractmethod
    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """How good an epoch was: larger is better."""

    def finish(self, module: nn.Module) -> bool:
        """The training is over and the weights are those of the best epoch: fill buffers of the module that
        depend on them, such as the width of intervals. Whether any was filled, so that it is kept.
        """
        return False

    @abstractmethod
    def fingerprint(self) -> str:
        """Of the data; another one means other data."""

    def padding(self, batches: Sequence[Any]) -> float:
        """Share of these batches' steps that is padding, 0 to 1."""
        return 0.0

    def carried(self) -> dict[str, Tensor]:
        """What the last batch left to the next, such as the state in truncated BPTT; kept when a run stops.

        Tensors in an order and under names that `carry` knows again.
        """
        return {}

    def carry(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `carried` gave, to go on in the middle of an epoch; {} where an epoch begins."""
