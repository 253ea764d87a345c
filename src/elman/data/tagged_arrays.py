"""Arrays, from Python or an .npz file, as sequences with labels for their steps.

Dimensions: N sequences, T steps, F features, K labels of which a step may have several, S = sum of all
lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.arrays import arrays_of, labels_of, meant, sequences_of
from elman.data.checks import check_whole
from elman.data.sequences import Sequences
from elman.data.spilled import Growing, in_pieces, is_mapped
from elman.data.steps import Steps, StepTokens
from elman.data.tagged import Tagged, first_odd
from elman.errors import DataError


def read_tagged_npz(path: Path) -> Tagged:
    """Sequences from an .npz file with `X` and, unless they are to be predicted, `y`.

    X: (N, T, F) numbers; or an object array of N arrays (T_i, F); or (S, F) with `lengths` (N,) beside it.
    y: a label for each step, (N, T), N arrays (T_i,), or (S,) with `lengths`; or, where a step may have
       several, one axis more of K numbers 0 and 1. `names` (K,), if there, says what those are called.

    Raises `DataError` for any other content.
    """
    arrays = arrays_of(path)
    given, y = arrays.get("lengths"), arrays.get("y")
    inputs = sequences_of(arrays["X"], lengths=given, name=f"{path}: X")
    lengths, source, labels = inputs.lengths.numpy(), f"{path}: y", None
    if y is not None:
        flat = given is not None and y.dtype != object and len(y) == int(given.sum())
        labels = _labels(y if flat else _flat(y, lengths, source), lengths, source)
    names = tuple(str(name) for name in arrays.get("names", ()))
    return _checked(Tagged(inputs, labels, str(path), names))


def tagged_of(x: Any, y: Any = None, *, source: str = "X") -> Tagged:
    """Sequences from Python: N lists of tokens, an array (N, T, F) or N arrays (T_i, F); with their labels.

    y: N lists or arrays of T_i labels, or N arrays (T_i, K) of 0 and 1; None where there are none.
    """
    if isinstance(x, str) or (len(x) > 0 and isinstance(x[0], str)):
        raise DataError(f"{source}: expected a list of lists of tokens, got texts. Write [text.split()].")
    if hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    if len(x) == 0:
        raise DataError(f"{source}: expected at least one example, got an empty data set.")
    inputs: Sequences | StepTokens
    if _are_tokens(x):
        inputs = StepTokens.of([_tokens(row, place, source) for place, row in enumerate(x)])
        lengths = inputs.lengths
    else:
        inputs = sequences_of(x if isinstance(x, np.ndarray) else list(x), name=source)
        lengths = inputs.lengths.numpy()
    labels = None if y is None else _labels(_flat(y, lengths, "y"), lengths, "y")
    return _checked(Tagged(inputs, labels, source))


def _are_tokens(x: Sequence[Any]) -> bool:
    first = next((row[0] for row in x if len(row)), None)
    return isinstance(first, str) or all(isinstance(row, list) and not row for row in x)


def _tokens(row: Any, place: int, source: str) -> list[str]:
    for step, token in enumerate(row):
        if not isinstance(token, str) or not token.strip():
            got = "an empty one" if isinstance(token, str) else type(token).__name__
            raise DataError(f"{source}: expected tokens, got {got} in sequence {place}, step {step}.")
    return [str(token) for token in row]


def _flat(y: Any, lengths: np.ndarray, source: str) -> np.ndarray:
    """(S,) or (S, K): the labels of all steps, after a check against the lengths of the inputs."""
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    if len(y) != len(lengths):
        raise DataError(f"{source}: expected labels for {len(lengths)} sequences, got them for {len(y)}.")
    if isinstance(y, np.ndarray) and y.dtype != object:
        short = np.flatnonzero(lengths > y.shape[1]) if y.ndim > 1 else [0]
        if len(short):
            raise _not_each(int(short[0]), lengths, y[short[0]], source)
        with Growing(y.dtype, on_disk=is_mapped(y)) as kept:
            for labels in meant(y, lengths):
                kept.add(labels)
            return kept.finish()
    rows = [np.asarray(row) for row in y]
    for place, row in enumerate(rows):
        if row.ndim == 0 or len(row) != lengths[place]:
            raise _not_each(place, lengths, row, source)
    return _together(rows, source)


def _not_each(place: int, lengths: np.ndarray, row: np.ndarray, source: str) -> DataError:
    got = f"{len(row)} labels" if row.ndim else f"one label ({row})"
    return DataError(
        f"{source}: expected a label for each of the {lengths[place]} steps of sequence {place}, got {got}."
    )


def _together(rows: list[np.ndarray], source: str) -> np.ndarray:
    """The labels of all sequences, one after the other; where a step has several, each has as many."""
    full = [row for row in rows if len(row)]
    if not full:
        return np.zeros(0, dtype=np.int64)
    for place, row in enumerate(rows):
        if full[0].ndim == 2 and len(row) and row.shape[1:] != full[0].shape[1:]:
            raise DataError(
                f"{source}: expected {full[0].shape[1]} numbers 0 or 1 for each step, as in the first "
                f"sequence, got shape {row.shape} in sequence {place}."
            )
    return np.concatenate(full)


def _labels(flat: np.ndarray, lengths: np.ndarray, source: str) -> Steps | Sequences:
    """One label a step of (S,), or several of (S, K), which must be 0 or 1."""
    if flat.ndim != 2:
        flat, before = labels_of(flat, int(lengths.sum()), source=source), 0
        for piece in in_pieces(flat):
            check_whole(piece, source, first_row=before)
            before += len(piece)
        return Steps.of(flat, lengths)
    if flat.dtype.kind not in "biuf":
        raise DataError(f"{source}: expected 0 or 1 for each label, got the type {flat.dtype}.")
    labels = Sequences.from_flat(flat, lengths)
    odd = first_odd(labels)
    if odd is not None:
        sequence, step, label = odd
        raise DataError(
            f"{source}: expected 0 or 1 for each label, got {labels[sequence][step, label]:g} in sequence "
            f"{sequence}, step {step}, label {label}."
        )
    return labels


def _checked(data: Tagged) -> Tagged:
    """The same, its names fitting the labels; `DataError` if they do not."""
    labels = data.labels
    several = isinstance(labels, Sequences)
    width = labels.features if several else 0
    if data.names and width and len(data.names) != width:
        raise DataError(f"{data.source}: expected {width} names, one for each label, got {len(data.names)}.")
    if several and not data.names:
        return Tagged(data.inputs, labels, data.source, tuple(str(place) for place in range(width)))
    return data
