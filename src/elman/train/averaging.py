"""The mean of the weights over the last part of a training (Polyak and Juditsky 1992), and when it begins.

The part is a fixed share of the training, or what is left of it once validation says so: the non-monotonic
trigger of Merity et al. 2017 (arXiv:1708.02182, algorithm 1), NT-ASGD where the optimizer is sgd.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from elman.errors import wrong
from elman.train.options import TrainOptions


class Average:
    """The mean of a module's parameters over those steps after which `add` was called."""

    def __init__(self, module: nn.Module) -> None:
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self._means: list[Tensor] = []
        self._count = 0

    @property
    def begun(self) -> bool:
        """Whether any weights were taken in."""
        return self._count > 0

    @torch.no_grad()
    def add(self) -> None:
        """Take in the parameters as they are."""
        self._count += 1
        if not self._means:
            self._means = [p.detach().clone() for p in self._parameters]
        else:
            for mean, parameter in zip(self._means, self._parameters, strict=True):
                mean.lerp_(parameter, 1.0 / self._count)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it the parameters are their means, if there are any."""
        former = [p.detach().clone() for p in self._parameters] if self._means else []
        self._put(self._means)
        try:
            yield
        finally:
            self._put(former)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self._parameters, values, strict=False):
            parameter.copy_(value)

    def kept(self) -> dict[str, Tensor]:
        """For a checkpoint; empty before the first step that counts."""
        means = {str(place): mean for place, mean in enumerate(self._means)}
        return {**means, "count": torch.tensor(self._count)} if means else {}

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Undo `kept`."""
        if not tensors:
            return
        self._count = int(tensors["count"])
        self._means = [tensors[str(n)].to(p.device) for n, p in enumerate(self._parameters)]


def triggered(ranks: Sequence[tuple[float, ...]], after: int) -> bool:
    """Whether the last epoch was worse than the best of those that have `after` epochs or more behind them,
    itself among these; the test of algorithm 1 with n = `after`.

    ranks: how good each finished epoch was (larger is better).
    """
    return len(ranks) > after and ranks[-1] < max(ranks[:-after])


def check_average(options: TrainOptions, *, validated: bool) -> None:
    """Raise `ArgumentError` where `average_after` stands beside `average`, or there is no validation data."""
    if options.average_after is None:
        return
    if options.average:
        remedy = "Give average for a fixed share, or average_after to let validation say when."
        raise wrong("average_after", expected="None beside average", got=options.average_after, remedy=remedy)
    if not validated:
        remedy = "Give some (valid, or validation_share above 0), or a fixed share by average."
        expected = "None without validation data, which say when to begin"
        raise wrong("average_after", expected=expected, got=options.average_after, remedy=remedy)
