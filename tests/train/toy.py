"""A small learner for tests of the loop, in which everything can be watched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from elman.data.batches import shuffled_batches
from elman.train.learner import Learner, Step


class Toy(Learner):
    """Learns y = x · w; `valid` gives the validation loss of each epoch where it is to be dictated."""

    headline = "accuracy"

    def __init__(self, *, seed: int = 0, valid: Sequence[float] | None = None, scale: float = 1.0) -> None:
        generator = torch.Generator().manual_seed(7)
        self.x = torch.randn(70, 5, generator=generator) * scale
        self.y = self.x @ torch.tensor([1.0, -2.0, 3.0, 0.5, 0.0])
        torch.manual_seed(seed)
        self.module: nn.Module = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Dropout(0.3), nn.Linear(16, 1))
        self.seed = seed
        self.valid = valid
        self.validated = 0
        self.seen: list[list[int]] = []

    def to(self, device: torch.device) -> None:
        self.x, self.y = self.x.to(device), self.y.to(device)

    def batches(self, epoch: int) -> Sequence[Tensor]:
        return shuffled_batches(torch.ones(70, dtype=torch.int64), 16, self.seed, epoch)

    def step(self, module: nn.Module, batch: Any) -> Step:
        self.seen.append(batch.tolist())
        loss = ((module(self.x[batch])[:, 0] - self.y[batch]) ** 2).mean()
        return Step(loss, len(batch), {"accuracy": torch.tensor(float(len(batch)))}, len(batch))

    def validate(self, module: nn.Module) -> dict[str, float]:
        assert not module.training
        self.validated += 1
        if self.valid is not None:
            return {"loss": self.valid[self.validated - 1], "accuracy": 0.0}
        return {"loss": ((module(self.x)[:, 0] - self.y) ** 2).mean().item(), "accuracy": 0.0}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        return (-valid["loss"] if math.isfinite(valid["loss"]) else -math.inf,)

    def padding(self, batches: Sequence[Any]) -> float:
        return 0.0

    def fingerprint(self) -> str:
        return "toy"
