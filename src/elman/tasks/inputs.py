"""What a network reads: texts through a vocabulary and an embedding, or numbers, maybe standardised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from elman.data import Sequences, Vocabulary
from elman.data.shorten import shorten
from elman.data.text_tokens import tokens_of
from elman.errors import DataError
from elman.tasks.embedding import embedding

SMALLEST_DEVIATION = 1e-7  # beside the mean: float32 tells less apart


class Inputs(Protocol):
    """How raw inputs become sequences, and the layer that reads those."""

    def encode(
        self, inputs: Sequences | Sequence[str], source: str, *, steps: int | None = None, keep: str = "ends"
    ) -> Sequences:
        """Raw inputs as sequences, by `shorten` cut to `steps`; raises `DataError` if they are of another
        kind or width."""
        ...

    def layer(self) -> tuple[nn.Module, int]:
        """(the first layer, the features it gives)."""
        ...

    def about(self) -> dict[str, Any]:
        """Plain values from which `inputs_from` makes the same again."""
        ...


@dataclass(frozen=True)
class TextInputs:
    """Texts as tokens, each embedded in `size` features."""

    vocabulary: Vocabulary
    size: int

    def encode(
        self, inputs: Sequences | Sequence[str], source: str, *, steps: int | None = None, keep: str = "ends"
    ) -> Sequences:
        if isinstance(inputs, Sequences):
            raise DataError(f"{source}: expected texts, as in training, got sequences of numbers.")
        return tokens_of(inputs, self.vocabulary, steps=steps, keep=keep)

    def layer(self) -> tuple[nn.Module, int]:
        return embedding(len(self.vocabulary), self.size), self.size

    def about(self) -> dict[str, Any]:
        return {"kind": "text", "size": self.size}


@dataclass(frozen=True)
class NumberInputs:
    """Numbers with `features` a step, shifted and scaled."""

    features: int
    shift: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None

    def encode(
        self, inputs: Sequences | Sequence[str], source: str, *, steps: int | None = None, keep: str = "ends"
    ) -> Sequences:
        if not isinstance(inputs, Sequences):
            raise DataError(f"{source}: expected sequences of numbers, as in training, got texts.")
        if inputs.features != self.features:
            raise DataError(
                f"{source}: expected {self.features} features, as in training, got {inputs.features}."
            )
        return inputs if steps is None else shorten(inputs, steps, keep)

    def layer(self) -> tuple[nn.Module, int]:
        if self.shift is None or self.scale is None:
            return nn.Identity(), self.features
        return Standardise(torch.tensor(self.shift), torch.tensor(self.scale)), self.features

    def about(self) -> dict[str, Any]:
        return {"kind": "numbers", "features": self.features, "shift": self.shift, "scale": self.scale}


class Standardise(nn.Module):
    """(x - shift) * scale for each feature; part of the model, so that it is never forgotten in use."""

    shift: Tensor
    scale: Tensor

    def __init__(self, shift: Tensor, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", shift)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, F) to (T, B, F)."""
        return (x - self.shift) * self.scale


def standardised(sequences: Sequences, names: str | None = None) -> tuple[NumberInputs, tuple[str, ...]]:
    """(`NumberInputs` by which each feature gets mean 0 and deviation 1 and constant ones become 0, a note on
    those, by their `names`, with commas between, or their numbers).

    The numbers are passed over in pieces, twice, so they need not fit in memory.
    """
    count = max(int(sequences.lengths.sum()), 1)
    mean = sum(piece.sum(0) for piece in _pieces(sequences)) / count
    square = sum((piece - mean).square().sum(0) for piece in _pieces(sequences)) / count
    deviation = torch.as_tensor(square).sqrt()
    shift = torch.as_tensor(mean)
    varied = deviation > SMALLEST_DEVIATION * shift.abs()
    scale = torch.where(varied, 1.0 / deviation, torch.ones_like(deviation))
    inputs = NumberInputs(sequences.features, tuple(shift.float().tolist()), tuple(scale.float().tolist()))
    return inputs, _constant((~varied).nonzero()[:, 0].tolist(), sequences.features, (names or "").split(","))


def _constant(places: list[int], features: int, names: Sequence[str]) -> tuple[str, ...]:
    """A note on features that never change."""
    if not places:
        return ()
    called = [repr(names[place]) if len(names) == features else f"number {place + 1}" for place in places]
    listed = ", ".join(called[:8]) + (" …" if len(called) > 8 else "")
    return (f"{len(places):,} of {features:,} features never change in the training data: {listed}",)


def _pieces(sequences: Sequences) -> Iterator[Tensor]:
    """All steps of all sequences, some (S, F) float64 at a time."""
    return (torch.from_numpy(block).double() for block in sequences.blocks())


def inputs_from(about: Mapping[str, Any], vocabulary: str | None) -> Inputs:
    """The inputs that were saved."""
    if about["kind"] == "text":
        return TextInputs(Vocabulary.from_json(vocabulary or ""), about["size"])
    shift, scale = about["shift"], about["scale"]
    return NumberInputs(about["features"], shift and tuple(shift), scale and tuple(scale))
