"""Examples: inputs with their labels, as they were read; Splits: the parts of a data set."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import torch

from elman.data.columns import Columns
from elman.data.sequences import Sequences
from elman.data.text_store import StoredTexts

Part = TypeVar("Part", bound=Sized, covariant=True)


@dataclass(frozen=True)
class Examples:
    """Inputs (texts, or sequences of numbers) and labels.

    labels: (N,) array, or None where there are none.
    source: what messages call the data: a file or the name of a data set.
    first_row: what the first example is called in messages: 0 in arrays, 1 or 2 in files.
    names: (N,) what each example is called, such as its file; None where only its row tells it apart.
    rate: the sampling rate in Hz of recordings; None for everything else.
    """

    inputs: Sequences | Sequence[str]
    labels: np.ndarray | None
    source: str
    first_row: int = 0
    names: np.ndarray | None = None
    rate: int | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, rows: np.ndarray) -> Examples:
        """The examples at `rows`, in that order."""
        given = self.inputs
        if isinstance(given, Sequences):
            inputs: Sequences | Sequence[str] = given.select(torch.from_numpy(rows))
        elif isinstance(given, StoredTexts):
            inputs = given.select(rows)
        else:
            inputs = [given[int(row)] for row in rows]
        labels, names = (None if a is None else a[rows] for a in (self.labels, self.names))
        return replace(self, inputs=inputs, labels=labels, names=names)


@dataclass(frozen=True)
class Splits(Generic[Part]):
    """The parts of a data set; those that it does not come with are None. What len(part) counts is the task's
    to say.

    scaled: the numbers have a sensible range already, so they are left as they are.
    notes: what was chosen while reading, such as the columns, to be shown to the user.
    columns: those that were taken, for files that have columns.
    """

    train: Part
    valid: Part | None = None
    test: Part | None = None
    scaled: bool = False
    notes: tuple[str, ...] = ()
    columns: Columns | None = None

    def parts(self) -> dict[str, Part]:
        """The parts that are there, by name."""
        named = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: part for name, part in named.items() if part is not None}

    @property
    def last(self) -> Part:
        """The part on which a model is measured in the end: test, else valid, else train."""
        return list(self.parts().values())[-1]
