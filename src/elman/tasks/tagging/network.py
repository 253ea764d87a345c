"""The network of tag, and how it walks over data.

Dimensions: T steps, B sequences, K labels, S steps in all.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.data import Sequences
from elman.data.batches import padding_share, shuffled_batches, sorted_batches
from elman.tasks.inputs import Inputs
from elman.tasks.network import Body
from elman.tasks.tagging.decoders import Decoder, decoder_named, within
from elman.tasks.token_inputs import TokenInputs, Tokens
from elman.train.learner import Learner, Step
from elman.train.options import TrainOptions


class TagNetwork(nn.Module):
    """A body, dropout, a linear layer for the scores of the labels at each step, and a decoder of those."""

    def __init__(
        self, inputs: Inputs | TokenInputs, cell: Cell, options: TrainOptions, labels: int, decoder: str
    ) -> None:
        super().__init__()
        self.body = Body(inputs, cell, options)
        self.output_dropout = nn.Dropout(options.dropout or 0.0)
        self.output = nn.Linear(self.body.width, labels)
        self.decoder: Decoder = decoder_named(decoder, labels)

    def forward(self, x: Any, lengths: Tensor | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """What `Body` takes to (the scores (T, B, K), the final state)."""
        steps, state = self.body(x, lengths, state)
        return self.output(self.output_dropout(steps)), state


@dataclass(frozen=True)
class Coded:
    """Encoded inputs x with the encoded labels y, (S,) numbers or (S, K) of 0 and 1; None where unknown."""

    x: Sequences | Tokens
    y: Sequences | None

    def to(self, device: torch.device) -> Coded:
        """The same on another device."""
        return Coded(self.x.to(device), None if self.y is None else self.y.to(device))

    def tensors(self) -> Iterator[Tensor]:
        """All that is held, in a fixed order."""
        held = [self.x.sequences, self.x.characters] if isinstance(self.x, Tokens) else [self.x]
        for sequences in [*held, *([] if self.y is None else [self.y])]:
            yield from (sequences.values, sequences.starts, sequences.lengths)


class Window(NamedTuple):
    """Steps of some sequences: `rows` (B,), the longest first, from `start` on, `steps` of them at most."""

    rows: Tensor
    start: int
    steps: int


class Said(NamedTuple):
    """What a network says of sequences `rows` (B,), whose lengths (B,) these are.

    probabilities: (T, B, K). labels: (T, B), or (T, B, K) of 0 and 1. loss: nats, summed; 0 without truth.
    """

    rows: Tensor
    lengths: Tensor
    probabilities: Tensor
    labels: Tensor
    loss: float


def walk(module: nn.Module, network: TagNetwork, data: Coded) -> Iterator[Said]:
    """All sequences, in large batches by length; `module` is the network as it is to be called."""
    device = network.output.weight.device
    for rows in sorted_batches(data.x.lengths.cpu()):
        x, given = data.x.batch(rows.to(device))
        scores, _ = module(x, given)
        lengths = data.x.lengths[rows.to(device)]
        loss = 0.0
        if data.y is not None:
            labels, _ = data.y.batch(rows.to(device))
            loss = network.decoder.loss(scores, labels, lengths).item()
        chances = network.decoder.probabilities(scores, lengths)
        yield Said(rows, lengths, chances, network.decoder.decode(scores, lengths), loss)


class TagLearner(Learner):
    """The likelihood of the labels, on batches by length; see `elman.train.learner.Learner`.

    With `bptt` a batch of sequences becomes windows, one after the other; each begins in the state in which
    the one before it ended, and no gradient passes between them.
    """

    headline = "accuracy"
    ahead = True

    def __init__(self, network: TagNetwork, train: Coded, valid: Coded | None, options: TrainOptions) -> None:
        self.module = self.network = network
        self.train, self.valid = train, valid
        assert options.batch_size is not None
        self.batch_size, self.seed, self.bptt = options.batch_size, options.seed, options.bptt
        self.state: tuple[Tensor, ...] = ()

    def fingerprint(self) -> str:
        """Of the training and validation data."""
        code = 0
        for part in (self.train, self.valid):
            for tensor in () if part is None else part.tensors():
                code = zlib.crc32(tensor.numpy().data, code)
        return f"{code:08x}"

    def to(self, device: torch.device) -> None:
        self.train = self.train.to(device)
        self.valid = None if self.valid is None else self.valid.to(device)

    def batches(self, epoch: int) -> Sequence[Window]:
        lengths = self.train.x.lengths.cpu()
        windows: list[Window] = []
        for rows in shuffled_batches(lengths, self.batch_size, self.seed, epoch, window=self.bptt):
            rows = rows[lengths[rows].sort(descending=True, stable=True).indices]
            longest = int(lengths[rows[0]])
            steps = self.bptt or max(longest, 1)
            for start in range(0, longest, steps):
                windows.append(Window(rows[: int((lengths[rows] > start).sum())], start, steps))
        return windows

    def fetch(self, batch: Window) -> tuple[Any, Tensor | None, Tensor, Tensor, bool]:
        """(inputs, lengths or None, lengths, labels, whether a state is carried in)."""
        assert self.train.y is not None
        rows = batch.rows.to(self.train.y.values.device)
        x, given = self.train.x.batch(rows, batch.start, batch.steps)
        y, _ = self.train.y.batch(rows, batch.start, batch.steps)
        lengths = torch.full_like(rows, len(y)) if given is None else given
        return x, given, lengths, y, batch.start > 0

    def step(self, module: nn.Module, batch: tuple[Any, Tensor | None, Tensor, Tensor, bool]) -> Step:
        x, given, lengths, labels, goes_on = batch
        before: Any = None
        if goes_on:
            narrowed = [s[:, : len(lengths)].to(labels.device).contiguous() for s in self.state]
            before = tuple(narrowed) if len(narrowed) > 1 else narrowed[0]
        scores, after = module(x, given, before)
        if self.bptt is not None:
            states = after if isinstance(after, tuple) else (after,)
            self.state = tuple(state.detach() for state in states)
        decoder, count = self.network.decoder, int(lengths.sum())
        with torch.no_grad():
            hits = _hits(decoder.decode(scores.detach(), lengths), labels, lengths)
        loss = decoder.loss(scores, labels, lengths) / count
        return Step(loss, count, {"accuracy": hits}, len(lengths))

    def validate(self, module: nn.Module) -> dict[str, float]:
        if self.valid is None or self.valid.y is None:
            return {}
        loss = hits = 0.0
        for said in walk(module, self.network, self.valid):
            labels, _ = self.valid.y.batch(said.rows.to(said.lengths.device))
            loss, hits = loss + said.loss, hits + _hits(said.labels, labels, said.lengths).item()
        steps = int(self.valid.x.lengths.sum())
        return {"loss": loss / steps, "accuracy": hits / steps}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """By accuracy, with several labels a step by the loss; without validation data the last is best."""
        if not valid:
            return (0.0,)
        several = self.train.y is not None and self.train.y.features > 0
        return (-valid["loss"],) if several else (valid["accuracy"],)

    def padding(self, batches: Sequence[Window]) -> float:
        lengths = self.train.x.lengths.cpu()
        whole = [window.rows for window in batches if window.start == 0]
        if self.bptt is None:
            return padding_share(lengths, whole)
        steps = sum(
            len(w.rows) * min(w.steps, int(lengths[w.rows[0]]) - w.start) for w in batches if len(w.rows)
        )
        return 1.0 - int(lengths.sum()) / max(steps, 1)

    def carried(self) -> dict[str, Tensor]:
        return {str(place): state for place, state in enumerate(self.state)}

    def carry(self, tensors: Mapping[str, Tensor]) -> None:
        self.state = tuple(tensors[str(place)] for place in range(len(tensors)))


def _hits(said: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
    """How many steps got their label; of several labels a step, the share of the right answers."""
    right = (said == labels).float()
    if right.dim() == 3:
        right = right.mean(2)
    return (right * within(lengths, len(labels))).sum()
