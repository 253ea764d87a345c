"""What the training loop sees of classify, and the probabilities that a trained model gives.

Dimensions: N sequences, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.data import Examples, Splits
from elman.data.checks import encode_labels
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.pooled.learner import Fetched, PooledLearner, computed, outputs_of
from elman.tasks.task import Model
from elman.train.learner import Step


class ClassifyLearner(PooledLearner):
    """Cross-entropy; see `elman.train.learner.Learner`."""

    headline = "accuracy"

    def __init__(self, model: Model, splits: Splits[Examples], options: ClassifyOptions) -> None:
        super().__init__(model, splits, options)
        counts = torch.tensor(model.about["counts"], dtype=torch.float32)
        balanced = options.class_weights == "balanced"
        self.weights = counts.sum() / (len(counts) * counts) if balanced else None
        self.smoothing = options.label_smoothing

    def answers(self, model: Model, examples: Examples) -> Tensor:
        return encode_labels(examples, model.parts["classes"])

    def to(self, device: torch.device) -> None:
        super().to(device)
        self.weights = None if self.weights is None else self.weights.to(device)

    def step(self, module: nn.Module, batch: Fetched) -> Step:
        x, lengths, y = batch
        logits = module(x, lengths)
        hits = (logits.detach().argmax(1) == y).sum()
        if self.weights is None and not self.smoothing:
            return Step(F.cross_entropy(logits, y), len(y), {"accuracy": hits}, len(y))
        loss = F.cross_entropy(logits, y, self.weights, label_smoothing=self.smoothing)
        plain = F.cross_entropy(logits.detach(), y)
        return Step(loss, len(y), {"accuracy": hits}, len(y), figure=plain)

    def validate(self, module: nn.Module) -> dict[str, float]:
        if self.valid is None:
            return {}
        logits = computed(module, self.valid.x).to(self.valid.y.device)
        loss = F.cross_entropy(logits, self.valid.y).item()
        return {"loss": loss, "accuracy": (logits.argmax(1) == self.valid.y).float().mean().item()}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """By accuracy, then loss; without validation data the last epoch, which has seen the most."""
        return (valid["accuracy"], -valid["loss"]) if valid else (0.0,)


def probabilities_of(model: Model, examples: Examples) -> np.ndarray:
    """(N, K) float64 that sum to 1."""
    return outputs_of(model, examples).softmax(1).numpy()
