"""What the training loop sees of regress, and the numbers that a trained model gives.

Dimensions: N sequences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.data import Examples, Splits
from elman.data.checks import numbers_of
from elman.tasks.pooled.learner import Fetched, PooledLearner, computed, outputs_of
from elman.tasks.regressing.options import RegressOptions
from elman.tasks.task import Model
from elman.train.learner import Step

#: by name: given outputs and targets (B,), both in standard deviations of the targets
LOSSES = {"squared": F.mse_loss, "absolute": F.l1_loss, "huber": F.huber_loss}


class RegressLearner(PooledLearner):
    """Targets brought to mean 0 and deviation 1; see `elman.train.learner.Learner`."""

    headline = "rmse"

    def __init__(self, model: Model, splits: Splits[Examples], options: RegressOptions) -> None:
        super().__init__(model, splits, options)
        self.loss, self.deviation = LOSSES[options.loss], model.about["deviation"]

    def answers(self, model: Model, examples: Examples) -> Tensor:
        scaled = (numbers_of(examples) - model.about["mean"]) / model.about["deviation"]
        return torch.from_numpy(scaled.astype(np.float32))

    def step(self, module: nn.Module, batch: Fetched) -> Step:
        x, lengths, y = batch
        said = module(x, lengths)[:, 0]
        return Step(self.loss(said, y), len(y), {}, len(y))

    def validate(self, module: nn.Module) -> dict[str, float]:
        if self.valid is None:
            return {}
        said = computed(module, self.valid.x)[:, 0].to(self.valid.y.device)
        rmse = F.mse_loss(said, self.valid.y).sqrt().item() * self.deviation
        return {"loss": self.loss(said, self.valid.y).item(), "rmse": rmse}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """By the loss; without validation data the last epoch, which has seen the most."""
        return (-valid["loss"],) if valid else (0.0,)


def numbers_said(model: Model, examples: Examples) -> np.ndarray:
    """(N,) float64, in the units of the targets."""
    return in_units(model, outputs_of(model, examples)[:, 0].numpy())


def in_units(model: Model, outputs: Any) -> Any:
    """Outputs in the units of the targets."""
    return outputs * model.about["deviation"] + model.about["mean"]
