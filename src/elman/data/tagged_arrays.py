"""Arrays, from Python or an .npz file, as sequences with labels for their steps.

Dimensions: N sequences, T steps, F features, K labels of which a step may have several, S = sum of all
lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.arrays import labels_of, sequences_of
from elman.data.checks import check_whole
from elman.data.files import existing
from elman.data.npz import load_arrays
from elman.data.sequences import Sequences
from elman.data.steps import Steps, StepTokens
from elman.data.tagged import Tagged
from elman.errors import DataError


def read_tagged_npz(path: Path) -> Tagged:
    """Sequences from an .npz file with `X` and, unless they are to be predicted, `y`.

    X: (N, T, F) numbers; or an object array of N arrays (T_i, F); or (S, F) with `lengths` (N,) beside it.
    y: a label for each step, (N, T), N arrays (T_i,), or (S,) with `lengths`; or, where a step may have
       several, one axis more of K numbers 0 and 1. `names` (K,), if there, says what those are called.

    Raises `DataError` for any other content.
    """
    arrays = load_arrays(existing(path))
    if "X" not in arrays:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(
            f"{path}: expected the arrays X and y, got {held}. Save with numpy.savez(file, X=X, y=y)."
        )
    lengths, y = arrays.get("lengths"), arrays.get("y")
    inputs = sequences_of(arrays["X"], lengths=lengths, name=f"{path}: X")
    if y is not None and lengths is not None and y.dtype != object and len(y) == int(lengths.sum()):
        y = _split(y, lengths)
    names = tuple(str(name) for name in arrays.get("names", ()))
    return _checked(Tagged(inputs, _labels(y, inputs.lengths.numpy(), f"{path}: y"), str(path), names))


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
    return _checked(Tagged(inputs, _labels(y, lengths, "y"), source))


def _are_tokens(x: Sequence[Any]) -> bool:
    first = next((row[0] for row in x if len(row)), None)
    return isinstance(first, str) or all(isinstance(row, list) and not row for row in x)


def _tokens(row: Any, place: int, source: str) -> list[str]:
    for step, token in enumerate(row):
        if not isinstance(token, str) or not token.strip():
            got = "an empty one" if isinstance(token, str) else type(token).__name__
            raise DataError(f"{source}: expected tokens, got {got} in sequence {place}, step {step}.")
    return [str(token) for token in row]


def _labels(y: Any, lengths: np.ndarray, source: str) -> Steps | list[np.ndarray] | None:
    """One label a step, or N arrays (T_i, K), checked against the lengths of the inputs."""
    if y is None:
        return None
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    if len(y) != len(lengths):
        raise DataError(f"{source}: expected labels for {len(lengths)} sequences, got them for {len(y)}.")
    rows = [np.asarray(row) for row in y]
    padded = isinstance(y, np.ndarray) and y.dtype != object
    for place, (row, length) in enumerate(zip(rows, lengths.tolist(), strict=True)):
        if row.ndim == 0 or (len(row) < length if padded else len(row) != length):
            got = f"{len(row)} labels" if row.ndim else f"one label ({row})"
            raise DataError(
                f"{source}: expected a label for each of the {length} steps of sequence {place}, got {got}."
            )
    rows = [row[:length] for row, length in zip(rows, lengths.tolist(), strict=True)]
    full = [row for row in rows if len(row)]
    if full and full[0].ndim == 2:
        return _several(rows, full[0].shape[1], source)
    flat = labels_of(np.concatenate(full) if full else np.zeros(0, int), int(lengths.sum()), source=source)
    check_whole(flat, source)
    return Steps.of(flat, lengths)


def _several(rows: list[np.ndarray], width: int, source: str) -> list[np.ndarray]:
    """Labels (T_i, K) as float32, after a check that all are 0 or 1."""
    for place, row in enumerate(rows):
        if len(row) and row.shape != (len(row), width):
            raise DataError(
                f"{source}: expected {width} numbers 0 or 1 for each step, as in the first sequence, "
                f"got shape {row.shape} in sequence {place}."
            )
        odd = np.argwhere((row != 0) & (row != 1))
        if len(odd):
            step, label = odd[0].tolist()
            raise DataError(
                f"{source}: expected 0 or 1 for each label, got {row[step, label]} in sequence {place}, "
                f"step {step}, label {label}."
            )
    return [row.reshape(-1, width).astype(np.float32) for row in rows]


def _split(flat: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    return np.split(flat, np.cumsum(lengths)[:-1])


def _checked(data: Tagged) -> Tagged:
    """The same, its names fitting the labels; `DataError` if they do not."""
    labels = data.labels
    several = isinstance(labels, list)
    width = labels[0].shape[1] if several else 0
    if data.names and width and len(data.names) != width:
        raise DataError(f"{data.source}: expected {width} names, one for each label, got {len(data.names)}.")
    if several and not data.names:
        return Tagged(data.inputs, labels, data.source, tuple(str(place) for place in range(width)))
    return data
