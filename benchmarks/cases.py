"""What is timed: layers, shapes, and how many operations a case takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

import elman.nn

Mode = Literal["inference", "training"]
MODES: tuple[Mode, ...] = ("inference", "training")


@dataclass(frozen=True)
class Kind:
    """One layer in both libraries. `gates` counts the blocks of H rows in its weight matrices."""

    gates: int
    ours: Callable[..., torch.nn.Module]
    theirs: Callable[..., torch.nn.Module]


KINDS = {
    "RNN": Kind(1, elman.nn.RNN, torch.nn.RNN),
    "GRU": Kind(3, elman.nn.GRU, torch.nn.GRU),
    "LSTM": Kind(4, elman.nn.LSTM, torch.nn.LSTM),
}


@dataclass(frozen=True)
class Shape:
    """Sizes of one case: sequences, steps, input features, hidden units."""

    batch: int
    time: int
    input: int
    hidden: int

    def __str__(self) -> str:
        return f"{self.batch}x{self.time}x{self.input}x{self.hidden}"

    @classmethod
    def parse(cls, text: str) -> Shape:
        """The shape written as `BxTxIxH`, such as 32x100x128x128; raises ValueError for anything else."""
        sizes = text.split("x")
        if len(sizes) != 4 or not all(size.isdigit() and int(size) > 0 for size in sizes):
            raise ValueError(f"expected four positive sizes as BxTxIxH, such as 32x100x128x128, got {text!r}")
        return cls(*map(int, sizes))


FULL = tuple(
    Shape(*sizes)
    for sizes in (
        (1, 100, 64, 64),
        (1, 100, 256, 256),
        (1, 100, 512, 512),
        (32, 28, 28, 128),
        (32, 100, 128, 128),
        (32, 100, 256, 256),
        (64, 100, 512, 512),
        (64, 50, 1024, 1024),
        (128, 100, 64, 64),
    )
)
QUICK = (Shape(1, 100, 64, 64), Shape(1, 100, 256, 256), Shape(32, 28, 28, 128), Shape(32, 100, 128, 128))


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    kind: str
    shape: Shape
    mode: Mode

    def __str__(self) -> str:
        return f"{self.kind} {self.shape} {self.mode}"

    def flops(self) -> int:
        """Operations of the matrix products, an addition and a multiplication counting one each.

        Forward, every step and sequence takes 2 * G * H * (I + H). Training adds as many for the gradients of
        input and state, and again as many for those of the weights. Pointwise work is left out.
        """
        s = self.shape
        forward = 2 * s.batch * s.time * KINDS[self.kind].gates * s.hidden * (s.input + s.hidden)
        return forward * (3 if self.mode == "training" else 1)


def cases(shapes: tuple[Shape, ...], kinds: tuple[str, ...], modes: tuple[Mode, ...]) -> list[Case]:
    return [Case(kind, shape, mode) for kind in kinds for shape in shapes for mode in modes]
