"""Sequences: ragged data in one flat tensor, from which padded batches are gathered in a single pass.

Dimensions: T steps, B sequences of a batch, N sequences in all, F features, S = sum of all lengths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.spilled import PIECE, Growing, in_rows, is_mapped
from elman.data.step_places import places_of
from elman.errors import DataError

PAD = 0  # the token of padding; sequences of numbers are padded with zeros


@dataclass(frozen=True)
class Sequences:
    """N sequences, each of its own length.

    values: (S + 1, F) floats or (S + 1,) whole numbers of tokens; the last row is the padding.
    starts: (N,) int64, the row at which each sequence starts.
    lengths: (N,) int64.

    `select` shares `values`, so splits cost nothing.
    """

    values: Tensor
    starts: Tensor
    lengths: Tensor

    @classmethod
    def padded(cls, rows: np.ndarray, lengths: np.ndarray | Sequence[int]) -> Sequences:
        """From rows (S + 1, F) or (S + 1,), one sequence after the other and the padding last; not copied."""
        size = torch.from_numpy(np.array(lengths, dtype=np.int64))
        return cls(torch.from_numpy(rows), size.cumsum(0) - size, size)

    @classmethod
    def from_pieces(
        cls,
        pieces: Iterable[np.ndarray],
        lengths: np.ndarray | Sequence[int],
        kind: Any = np.float32,
        *,
        on_disk: bool | None = None,
    ) -> Sequences:
        """From some rows (n, F) or tokens (n,) at a time; `on_disk` is that of `Growing`.

        lengths: looked at when all pieces have come.
        """
        with Growing(kind, on_disk=on_disk) as kept:
            for rows in pieces:
                kept.add(rows)
            return cls.padded(kept.finish(pad=True), lengths)

    @classmethod
    def from_dense(cls, array: np.ndarray) -> Sequences:
        """From (N, T, F) numbers; they become float32, on disk if they are large or mapped from there."""
        count, steps, _ = array.shape
        return cls.from_pieces(in_rows(array), np.full(count, steps), on_disk=is_mapped(array) or None)

    @classmethod
    def from_flat(cls, flat: np.ndarray, lengths: np.ndarray) -> Sequences:
        """From (S, F) numbers or (S,) tokens, one sequence after the other, likewise."""
        kind = np.int64 if flat.ndim == 1 else np.float32
        return cls.from_pieces(in_rows(flat), lengths, kind, on_disk=is_mapped(flat) or None)

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray], *, name: str = "X") -> Sequences:
        """From arrays of shape (T_i, F), the same F in each."""
        features = None
        for row, array in enumerate(arrays):
            if array.ndim != 2:
                raise DataError(
                    f"{name}: expected an array (steps, features) in row {row}, got shape {array.shape}."
                )
            features = array.shape[1] if features is None else features
            if array.shape[1] != features:
                raise DataError(
                    f"{name}: expected {features} features in every row, as in row 0, "
                    f"got {array.shape[1]} in row {row}."
                )
        lengths = np.array([len(array) for array in arrays], dtype=np.int64)
        return cls.from_flat(np.concatenate(list(arrays)), lengths)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, row: int) -> np.ndarray:
        """(T_i, F), or (T_i,) of tokens."""
        start = int(self.starts[row])
        return self.values[start : start + int(self.lengths[row])].numpy()

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def blocks(self) -> Iterator[np.ndarray]:
        """The steps of all sequences in order, some (n, F) at a time."""
        values = self.values.numpy()
        most = max(PIECE // max(values[:1].nbytes, 1), 1)
        return (values[place] for place in places_of(self.starts.numpy(), self.lengths.numpy(), most))

    @property
    def features(self) -> int:
        """F; 0 for tokens."""
        return self.values.shape[1] if self.values.dim() == 2 else 0

    @property
    def longest(self) -> int:
        """The largest length."""
        return int(self.lengths.max()) if len(self) else 0

    @property
    def uniform(self) -> bool:
        """Whether all sequences have the same length."""
        return len(self) > 0 and bool((self.lengths == self.lengths[0]).all())

    def select(self, rows: Tensor | np.ndarray) -> Sequences:
        """The sequences at `rows`, in that order, sharing the values."""
        index = torch.as_tensor(rows, dtype=torch.int64)
        return Sequences(self.values, self.starts[index], self.lengths[index])

    def cut(self, *, front: int = 0, back: int = 0) -> Sequences:
        """The sequences without so many of their first and last steps, sharing the values."""
        stay = (self.lengths - front - back).clamp(min=0)
        return Sequences(self.values, self.starts + self.lengths.clamp(max=front), stay)

    def to(self, device: torch.device) -> Sequences:
        """The same on another device."""
        return Sequences(self.values.to(device), self.starts.to(device), self.lengths.to(device))

    def batch(self, rows: Tensor, start: int = 0, most: int | None = None) -> tuple[Tensor, Tensor | None]:
        """The sequences at `rows` (B,), from step `start` on and `most` steps at most.

        Gives (T, B, F) floats or (T, B) int64, with lengths (B,) or None if all have T steps.
        """
        starts, lengths = self.starts[rows], self.lengths[rows]
        if start or most is not None:
            starts, lengths = starts + start, (lengths - start).clamp(0, most)
        steps = int(lengths.max())
        ragged = int(lengths.min()) < steps
        gather = _gathered if self.values.device.type == "cpu" else _gathered_there
        gathered = gather(self.values, starts, lengths if ragged else None, steps)
        return gathered if self.values.is_floating_point() else gathered.long(), lengths if ragged else None

    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """(the steps of all sequences, one after the other, their lengths (N,)); the steps are a copy where
        they do not stand so."""
        starts, lengths = self.starts.numpy(), self.lengths.numpy()
        ends = starts + lengths
        values = self.values.numpy()
        if len(starts) and (starts[1:] == ends[:-1]).all():
            return values[starts[0] : ends[-1]], lengths
        step = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
        return values[np.repeat(starts, lengths) + step], lengths


def _gathered(values: Tensor, starts: Tensor, lengths: Tensor | None, steps: int) -> Tensor:
    """(steps, B, ...): by numpy, which copies rows that stand apart in half the time that torch takes."""
    time = np.arange(steps)[:, None]
    index = starts.numpy() + time
    if lengths is not None:
        index[time >= lengths.numpy()] = len(values) - 1
    return torch.from_numpy(values.numpy().take(index, axis=0))


def _gathered_there(values: Tensor, starts: Tensor, lengths: Tensor | None, steps: int) -> Tensor:
    """The same on another device."""
    time = torch.arange(steps, device=starts.device)[:, None]
    index = starts + time
    if lengths is not None:
        index = index.masked_fill(time >= lengths, len(values) - 1)
    return values.index_select(0, index.reshape(-1)).view(*index.shape, *values.shape[1:])
