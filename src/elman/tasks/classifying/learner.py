"""What the training loop sees of classify, and the probabilities that a trained model gives.

Dimensions: N sequences, K classes, T steps, B sequences of a batch, F features.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.data import Examples, Sequences, Splits
from elman.data.batches import padding_share, shuffled_batches, sorted_batches
from elman.data.checks import encode_labels
from elman.data.masking import masked
from elman.data.offsets import offset
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.inputs import Inputs, NumberInputs
from elman.tasks.task import Model
from elman.train.learner import Learner, Step


@dataclass(frozen=True)
class Batch:
    """Rows (B,) of the training data, and the seed of what is drawn for them."""

    rows: Tensor
    seed: int


class ClassifyLearner(Learner):
    """Cross-entropy on batches by length; see `elman.train.learner.Learner`."""

    headline = "accuracy"
    ahead = True

    def __init__(self, model: Model, splits: Splits[Examples], options: ClassifyOptions) -> None:
        self.module, self.options = model.module, options
        self.train = _coded(model, splits.train)
        self.valid = None if splits.valid is None else _coded(model, splits.valid)
        self.fill, self.deviations = _mean_input(model), _deviations(model)
        counts = torch.tensor(model.about["counts"], dtype=torch.float32)
        balanced = options.class_weights == "balanced"
        self.weights = counts.sum() / (len(counts) * counts) if balanced else None
        assert options.batch_size is not None
        self.batch_size, self.seed = options.batch_size, options.seed

    def fingerprint(self) -> str:
        """Of the training and validation data."""
        code = 0
        for part in (self.train, self.valid):
            for tensor in () if part is None else (part.x.values, part.x.starts, part.x.lengths, part.y):
                code = zlib.crc32(tensor.numpy().data, code)
        return f"{code:08x}"

    def to(self, device: torch.device) -> None:
        self.train = self.train.to(device)
        self.valid = None if self.valid is None else self.valid.to(device)
        self.weights = None if self.weights is None else self.weights.to(device)

    def batches(self, epoch: int) -> Sequence[Batch]:
        by_length = self.options.batches == "length"
        lengths = self.train.x.lengths.cpu()
        rows = shuffled_batches(lengths, self.batch_size, self.seed, epoch, by_length=by_length)
        first = (self.seed * 10_007 + epoch) * 1_000_003
        return [Batch(batch, first + place) for place, batch in enumerate(rows)]

    def fetch(self, batch: Batch) -> tuple[Tensor, Tensor | None, Tensor]:
        rows = batch.rows.to(self.train.y.device)
        x, lengths = self.train.x.batch(rows)
        generator = torch.Generator().manual_seed(batch.seed)
        if self.deviations is not None and self.options.offset_noise:
            x = offset(x, self.options.offset_noise * self.deviations, generator)
        if self.fill is not None and (self.options.time_mask or self.options.frequency_mask):
            time, features = self.options.time_mask, self.options.frequency_mask
            x = masked(x, lengths, self.fill, generator, time=time, features=features)
        return x, lengths, self.train.y[rows]

    def step(self, module: nn.Module, batch: tuple[Tensor, Tensor | None, Tensor]) -> Step:
        x, lengths, y = batch
        logits = module(x, lengths)
        hits = (logits.detach().argmax(1) == y).sum()
        if self.weights is None and not self.options.label_smoothing:
            return Step(F.cross_entropy(logits, y), len(y), {"accuracy": hits}, len(y))
        loss = F.cross_entropy(logits, y, self.weights, label_smoothing=self.options.label_smoothing)
        plain = F.cross_entropy(logits.detach(), y)
        return Step(loss, len(y), {"accuracy": hits}, len(y), figure=plain)

    def validate(self, module: nn.Module) -> dict[str, float]:
        if self.valid is None:
            return {}
        logits = _logits(module, self.valid.x).to(self.valid.y.device)
        loss = F.cross_entropy(logits, self.valid.y).item()
        return {"loss": loss, "accuracy": (logits.argmax(1) == self.valid.y).float().mean().item()}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """By accuracy, then loss; without validation data the last epoch, which has seen the most."""
        return (valid["accuracy"], -valid["loss"]) if valid else (0.0,)

    def padding(self, batches: Sequence[Batch]) -> float:
        return padding_share(self.train.x.lengths.cpu(), [batch.rows for batch in batches])


@dataclass(frozen=True)
class _Coded:
    """Sequences x with the numbers y (N,) of their classes."""

    x: Sequences
    y: Tensor

    def to(self, device: torch.device) -> _Coded:
        return _Coded(self.x.to(device), self.y.to(device))


def _coded(model: Model, examples: Examples) -> _Coded:
    return _Coded(_encoded(model, examples), encode_labels(examples, model.parts["classes"]))


def _encoded(model: Model, examples: Examples) -> Sequences:
    """Sequences of tokens or numbers, cut as the model's options say."""
    options: ClassifyOptions = model.parts["options"]
    inputs: Inputs = model.parts["inputs"]
    return inputs.encode(examples.inputs, examples.source, steps=options.max_steps, keep=options.keep)


def _mean_input(model: Model) -> Tensor | None:
    """(F,): what a hidden number becomes, its mean in the training data; None for texts."""
    inputs = model.parts["inputs"]
    if not isinstance(inputs, NumberInputs):
        return None
    return torch.zeros(inputs.features) if inputs.shift is None else torch.tensor(inputs.shift)


def _deviations(model: Model) -> Tensor | None:
    """(F,): the standard deviations of the numbers, 1 where they are read as they are; None for texts."""
    inputs = model.parts["inputs"]
    if not isinstance(inputs, NumberInputs):
        return None
    return torch.ones(inputs.features) if inputs.scale is None else 1.0 / torch.tensor(inputs.scale)


def probabilities_of(model: Model, examples: Examples) -> np.ndarray:
    """(N, K) float64 that sum to 1."""
    x = _encoded(model, examples)
    module = model.module
    module.eval()
    with torch.inference_mode():
        logits = _logits(module, x.to(next(module.parameters()).device))
    return logits.double().softmax(1).cpu().numpy()


def _logits(module: nn.Module, x: Sequences) -> Tensor:
    """(N, K), in large batches by length."""
    batches = sorted_batches(x.lengths.cpu())
    computed = [module(*x.batch(rows.to(x.values.device))) for rows in batches]
    logits = torch.empty(len(x), computed[0].shape[1], dtype=computed[0].dtype, device=computed[0].device)
    for rows, part in zip(batches, computed, strict=True):
        logits[rows.to(logits.device)] = part
    return logits
