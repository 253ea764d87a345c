"""The mean of the weights over the last part of a training (Polyak and Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The mean of a module's parameters over those steps after which `add` was called."""

    def __init__(self, module: nn.Module) -> None:
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self._means: list[Tensor] = []
        self._count = 0

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
