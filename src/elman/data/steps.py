"""What stands at the steps of sequences, one thing at each: numbers, maybe on disk, of different values.

Dimensions: N sequences, T_i steps of one, S steps in all, V different values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from elman.data.spilled import in_pieces, is_mapped, spilled
from elman.data.step_places import places_of

BLOCK = 1 << 18  # steps that are looked at a time, and up to which what is made of them stays in memory
Kind = TypeVar("Kind", bound="Coded")


@dataclass(frozen=True, eq=False)
class Coded:
    """N sequences of numbers.

    numbers: whole numbers, one for each step. starts, lengths: (N,), where the steps of each sequence begin,
    and how many they are.
    """

    numbers: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

    def select(self: Kind, rows: np.ndarray) -> Kind:
        """The sequences at `rows`, in that order, sharing the numbers."""
        return replace(self, starts=self.starts[rows], lengths=self.lengths[rows])

    def cut(self: Kind, *, front: int = 0, back: int = 0) -> Kind:
        """The sequences without so many of their first and last steps."""
        stay = np.maximum(self.lengths - front - back, 0)
        return replace(self, starts=self.starts + np.minimum(front, self.lengths), lengths=stay)

    def blocks(self) -> Iterator[np.ndarray]:
        """The numbers of all steps in order, some at a time."""
        return (self.numbers[place] for place in places_of(self.starts, self.lengths, BLOCK))

    def counts(self, values: int) -> np.ndarray:
        """(V,) int64: how often each number below V occurs."""
        found = np.zeros(values, dtype=np.int64)
        for block in self.blocks():
            found += np.bincount(block, minlength=values)
        return found

    def kept(self, blocks: Iterator[np.ndarray]) -> np.ndarray:
        """(S + 1,) int32 of what was made of `blocks`, a zero (the padding) behind; on disk if it is much."""
        padded = chain(blocks, [np.zeros(1, dtype=np.int32)])
        if int(self.lengths.sum()) > BLOCK:
            return spilled(padded, np.int32)
        return np.concatenate(list(padded)).astype(np.int32, copy=False)


@dataclass(frozen=True, eq=False)
class Steps(Coded):
    """A label, or a line of a file, for each step.

    values: (V,) what the numbers stand for, each once; None: the numbers are what is meant.
    """

    values: np.ndarray | None = None

    @classmethod
    def of(cls, flat: np.ndarray, lengths: np.ndarray) -> Steps:
        """From (S,) values, one sequence after the other; what is made of mapped ones is on disk too."""
        values = reduce(np.union1d, in_pieces(flat), flat[:0])
        numbers = (np.searchsorted(values, piece).astype(np.int32) for piece in in_pieces(flat))
        held = spilled(numbers, np.int32) if is_mapped(flat) else np.concatenate(list(numbers))
        return cls(held, np.cumsum(lengths) - lengths, lengths, values)

    def __getitem__(self, row: int) -> np.ndarray:
        """(T_i,)."""
        start = int(self.starts[row])
        found = np.asarray(self.numbers[start : start + int(self.lengths[row])])
        return found if self.values is None else self.values[found]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def occurring(self) -> tuple[np.ndarray, np.ndarray]:
        """(the values that occur, how often each does)."""
        assert self.values is not None
        counts = self.counts(len(self.values))
        return self.values[counts > 0], counts[counts > 0]


@dataclass(frozen=True, eq=False)
class StepTokens(Coded):
    """A token for each step. values: the V different ones, each once."""

    values: list[str]

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> StepTokens:
        """From N sequences of tokens."""
        known: dict[str, int] = {}
        flat = [known.setdefault(str(token), len(known)) for row in rows for token in row]
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        numbers = np.array(flat, dtype=np.int32)
        return cls(numbers, np.cumsum(lengths) - lengths, lengths, list(known))

    def __getitem__(self, row: int) -> list[str]:
        start = int(self.starts[row])
        return [self.values[n] for n in self.numbers[start : start + int(self.lengths[row])].tolist()]

    def __iter__(self) -> Iterator[list[str]]:
        return (self[row] for row in range(len(self)))

    def flat(self) -> Iterator[str]:
        """The tokens of all steps."""
        return (self.values[number] for block in self.blocks() for number in block.tolist())

    def in_order(self) -> tuple[np.ndarray, list[str]]:
        """((S + 1,) int32, the tokens numbered from 1 in the order in which they first occur; these)."""
        place = np.zeros(len(self.values), dtype=np.int32)
        found: list[str] = []

        def blocks() -> Iterator[np.ndarray]:
            for block in self.blocks():
                new, first = np.unique(block[place[block] == 0], return_index=True)
                new = new[first.argsort()]
                place[new] = np.arange(len(found) + 1, len(found) + 1 + len(new))
                found.extend(self.values[number] for number in new.tolist())
                yield place[block]

        return self.kept(blocks()), found
