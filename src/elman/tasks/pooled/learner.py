"""What the training loop sees of a task that answers once for a whole sequence, and what a trained model
gives out.

Dimensions: N sequences, K outputs, T steps, B sequences of a batch, F features.
"""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from elman.data import Examples, Sequences, Splits
from elman.data.batches import padding_share, shuffled_batches, sorted_batches
from elman.data.masking import masked
from elman.data.offsets import offset
from elman.tasks.inputs import Inputs, NumberInputs
from elman.tasks.pooled.options import PooledOptions
from elman.tasks.task import Model
from elman.train.learner import Learner

Fetched = tuple[Tensor, "Tensor | None", Tensor]  # x, lengths, y


@dataclass(frozen=True)
class Batch:
    """Rows (B,) of the training data, and the seed of what is drawn for them."""

    rows: Tensor
    seed: int


class PooledLearner(Learner):
    """Batches by length; see `elman.train.learner.Learner`. What y is, and the loss, a subclass says."""

    ahead = True

    def __init__(self, model: Model, splits: Splits[Examples], options: PooledOptions) -> None:
        self.module, self.options = model.module, options
        self.train = self._coded(model, splits.train)
        self.valid = None if splits.valid is None else self._coded(model, splits.valid)
        self.fill, self.deviations = _mean_input(model), _deviations(model)
        assert options.batch_size is not None
        self.batch_size, self.seed = options.batch_size, options.seed

    @abstractmethod
    def answers(self, model: Model, examples: Examples) -> Tensor:
        """(N,): the answers of labelled examples as the loss takes them."""

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

    def batches(self, epoch: int) -> Sequence[Batch]:
        by_length = self.options.batches == "length"
        lengths = self.train.x.lengths.cpu()
        rows = shuffled_batches(lengths, self.batch_size, self.seed, epoch, by_length=by_length)
        first = (self.seed * 10_007 + epoch) * 1_000_003
        return [Batch(batch, first + place) for place, batch in enumerate(rows)]

    def mixed(self) -> str:
        """What mixed batches cost, to be said."""
        lengths, shares = self.train.x.lengths.cpu(), []
        for by_length in (False, True):
            rows = shuffled_batches(lengths, self.batch_size, self.seed, 1, by_length=by_length)
            shares.append(f"{padding_share(lengths, rows):.1%}")
        return f"batches mixed: {shares[0]} of all steps are padding, {shares[1]} if they were made by length"

    def fetch(self, batch: Batch) -> Fetched:
        rows = batch.rows.to(self.train.y.device)
        x, lengths = self.train.x.batch(rows)
        generator = torch.Generator().manual_seed(batch.seed)
        if self.deviations is not None and self.options.offset_noise:
            x = offset(x, self.options.offset_noise * self.deviations, generator)
        if self.fill is not None and (self.options.time_mask or self.options.frequency_mask):
            time, features = self.options.time_mask, self.options.frequency_mask
            x = masked(x, lengths, self.fill, generator, time=time, features=features)
        return x, lengths, self.train.y[rows]

    def padding(self, batches: Sequence[Batch]) -> float:
        return padding_share(self.train.x.lengths.cpu(), [batch.rows for batch in batches])

    def _coded(self, model: Model, examples: Examples) -> Coded:
        return Coded(_encoded(model, examples), self.answers(model, examples))


@dataclass(frozen=True)
class Coded:
    """Sequences x with their answers y (N,)."""

    x: Sequences
    y: Tensor

    def to(self, device: torch.device) -> Coded:
        return Coded(self.x.to(device), self.y.to(device))


def outputs_of(model: Model, examples: Examples) -> Tensor:
    """(N, K) float64: what the trained network gives out for each sequence."""
    x = _encoded(model, examples)
    module = model.module
    module.eval()
    with torch.inference_mode():
        return computed(module, x.to(next(module.parameters()).device)).double().cpu()


def computed(module: nn.Module, x: Sequences) -> Tensor:
    """(N, K), in large batches by length."""
    outputs = torch.empty(0)  # one tensor: small ones kept between the large of a batch break up the memory
    for rows in sorted_batches(x.lengths.cpu()):
        there = rows.to(x.values.device)
        part = module(*x.batch(there))
        outputs = outputs if len(outputs) else part.new_empty(len(x), part.shape[1])
        outputs[there] = part
    return outputs


def _encoded(model: Model, examples: Examples) -> Sequences:
    """Sequences of tokens or numbers, cut as the model's options say."""
    options: PooledOptions = model.parts["options"]
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
