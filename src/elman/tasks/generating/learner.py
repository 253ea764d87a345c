"""The learner of generate: windows of parallel streams, a gradient through each, the state carried on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from elman.data import Splits
from elman.data.cutting import Tokens
from elman.data.streams import Window, read_window, windows
from elman.tasks.generating.network import State, detached, joined_state, state_tensors
from elman.tasks.generating.options import GenerateOptions
from elman.tasks.generating.perplexity import bits_a_nat, mean_loss
from elman.tasks.task import Model
from elman.train.durable import sha256
from elman.train.learner import Learner, Step


class GenerateLearner(Learner):
    """The loss of the next token on windows of parallel streams; see `elman.train.learner.Learner`."""

    headline = "bits_per_character"
    unit: ClassVar[str] = "tokens"
    ahead: ClassVar[bool] = True

    def __init__(self, model: Model, splits: Splits[Tokens], options: GenerateOptions) -> None:
        assert options.batch_size is not None
        assert options.bptt is not None
        self.module = model.module
        self.train, self.valid, self.options = splits.train, splits.valid, options
        self.streams, self.steps = options.batch_size, options.bptt
        self.state: State = None
        self.device = torch.device("cpu")

    def to(self, device: torch.device) -> None:
        self.device = device

    def fingerprint(self) -> str:
        """Of the training and validation data."""
        parts = [part for part in (self.train, self.valid) if part is not None]
        return sha256("".join(sha256(np.ascontiguousarray(part.values).data) for part in parts).encode())

    def batches(self, epoch: int) -> Sequence[Window]:
        return windows(len(self.train), self.streams, self.steps, self.options.seed, epoch)

    def fetch(self, batch: Window) -> tuple[Tensor, Tensor]:
        return read_window(self.train.values, self.streams, batch)

    def step(self, module: nn.Module, batch: tuple[Tensor, Tensor]) -> Step:
        x, y = (tokens.to(self.device) for tokens in batch)
        losses, read, steps, state = module(x, y, self.state)
        self.state = detached(state)
        loss, count = losses.mean(), losses.numel()
        penalty = torch.zeros_like(loss)
        if self.options.activation_penalty:
            penalty = penalty + self.options.activation_penalty * read.float().square().mean()
        if self.options.change_penalty and len(steps) > 1:
            penalty = penalty + self.options.change_penalty * steps.float().diff(dim=0).square().mean()
        bits = loss.detach() * count * bits_a_nat(self.train)
        return Step(loss + penalty, count, {"bits_per_character": bits}, count, loss)

    def validate(self, module: nn.Module) -> dict[str, float]:
        if self.valid is None:
            return {}
        loss = mean_loss(module, self.valid)
        return {"loss": loss, "bits_per_character": loss * bits_a_nat(self.valid)}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """By loss; without validation data the last epoch, which has seen the most, is the best."""
        return (-valid["loss"] if valid else 0.0,)

    def carried(self) -> dict[str, Tensor]:
        return {str(place): tensor for place, tensor in enumerate(state_tensors(self.state))}

    def carry(self, tensors: Mapping[str, Tensor]) -> None:
        found = tuple(tensors[str(place)].to(self.device) for place in range(len(tensors)))
        self.state = joined_state(found)
