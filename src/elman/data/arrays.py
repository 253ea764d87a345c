"""Arrays, from Python or an .npz file, as examples.

Dimensions: N sequences, T steps, F features, S = sum of all lengths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.checks import check_lengths
from elman.data.examples import Examples
from elman.data.files import existing
from elman.data.images import steps_of
from elman.data.npz import load_arrays
from elman.data.sequences import Sequences
from elman.data.spilled import in_pieces, is_mapped, spilled
from elman.errors import DataError


def read_npz(path: Path, read: str = "rows") -> Examples:
    """Examples from an .npz file with `X` and (except for prediction) `y`.

    X: (N, T, F) numbers; or an object array of N arrays (T_i, F); or (S, F) numbers, one sequence after
       the other, with `lengths` (N,) beside it. With (N, T, F), `lengths` says how many steps of each row
       are meant. (N, R, C) and (N, R, C, B) images too: `read` by rows or columns.
    y: (N,) labels.

    Raises `DataError` for any other content.
    """
    arrays = arrays_of(path)
    x = arrays["X"]
    if x.ndim == 4 or (x.ndim == 3 and read != "rows"):
        x = _steps_of(x, read)
    inputs = sequences_of(x, lengths=arrays.get("lengths"), name=f"{path}: X")
    labels = labels_of(arrays["y"], len(inputs), source=f"{path}: y") if "y" in arrays else None
    return Examples(inputs, labels, str(path))


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; raises `DataError` where there is no X among them."""
    arrays = load_arrays(existing(path))
    if "X" not in arrays:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise DataError(
            f"{path}: expected the arrays X and y, got {held}. Save with numpy.savez(file, X=X, y=y)."
        )
    return arrays


def _steps_of(images: np.ndarray, read: str) -> np.ndarray:
    """`steps_of`, on disk where the images are mapped from there."""
    if not is_mapped(images):
        return steps_of(images, read)
    return spilled((steps_of(piece, read) for piece in in_pieces(images)), images.dtype)


def examples_of(x: Any, y: Any = None, *, source: str = "X") -> Examples:
    """Examples from Python: an array (N, T, F), a list of arrays (T_i, F), or texts, with their labels."""
    inputs: Sequences | list[str]
    if isinstance(x, str):
        raise DataError(f"{source}: expected a list of texts, got one text. Write [text].")
    if hasattr(x, "to_numpy"):
        x = x.to_numpy()  # a column of pandas or polars
    elif hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    if not isinstance(x, np.ndarray):
        x = list(x)
    if len(x) == 0:
        raise DataError(f"{source}: expected at least one example, got an empty data set.")
    if isinstance(x[0], str):
        inputs = _texts(x, source)
    else:
        inputs = sequences_of(x, name=source)
    labels = None if y is None else labels_of(np.asarray(y), len(inputs), source="y")
    return Examples(inputs, labels, source)


def sequences_of(x: Any, *, lengths: np.ndarray | None = None, name: str = "X") -> Sequences:
    """Sequences from an array (N, T, F), arrays (T_i, F), or an array (S, F) with `lengths`."""
    if isinstance(x, np.ndarray) and x.dtype != object:
        x = _numbers(x, name)
        if lengths is not None:
            return _with_lengths(x, _whole(lengths, name), name)
        if x.ndim != 3:
            hint = " One feature a step: X[:, :, None]." if x.ndim == 2 else ""
            raise DataError(
                f"{name}: expected an array (sequences, steps, features), got shape {x.shape}.{hint}"
            )
        if 0 in x.shape:
            raise DataError(f"{name}: expected at least one example, step and feature, got shape {x.shape}.")
        return Sequences.from_dense(x)
    rows = [_numbers(np.asarray(row), f"{name}, row {place}") for place, row in enumerate(x)]
    if not rows:
        raise DataError(f"{name}: expected at least one example, got an empty data set.")
    if lengths is not None:
        given = _whole(lengths, name)
        check_lengths_match([len(row) for row in rows], given, name)
    return Sequences.from_arrays(rows, name=name)


def check_lengths_match(actual: list[int], given: np.ndarray, name: str) -> None:
    """Raise `DataError` naming the first row whose length is not the given one."""
    if len(given) != len(actual):
        raise DataError(
            f"{name}: expected one length per sequence ({len(actual)}), got {len(given)} lengths."
        )
    for row, (have, want) in enumerate(zip(actual, given.tolist(), strict=True)):
        if have != want:
            raise DataError(f"{name}: expected {want} steps in row {row}, as `lengths` says, got {have}.")


def labels_of(y: np.ndarray, count: int, *, source: str) -> np.ndarray:
    """(N,) labels: numbers, booleans or texts."""
    if y.dtype == object:
        y = np.array(
            [value.item() if isinstance(value, np.generic) else value for value in y.ravel()]
        ).reshape(y.shape)
    if y.ndim != 1:
        raise DataError(
            f"{source}: expected one label per sequence, of shape ({count},), got shape {y.shape}."
        )
    check_lengths(count, len(y), source)
    if y.dtype.kind not in "biufUS":
        raise DataError(f"{source}: expected numbers or texts, got the type {y.dtype}.")
    return y


def _texts(x: Iterable[Any], source: str) -> list[str]:
    for row, value in enumerate(x):
        if not isinstance(value, str):
            raise DataError(f"{source}: expected texts, got {type(value).__name__} in row {row}.")
    return [str(value) for value in x]


def _numbers(x: np.ndarray, name: str) -> np.ndarray:
    if x.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected numbers, got the type {x.dtype}.")
    return x


def _whole(lengths: np.ndarray, name: str) -> np.ndarray:
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
        raise DataError(f"{name}: expected `lengths` as whole numbers of 0 or more, one per sequence.")
    return lengths.astype(np.int64)


def _with_lengths(x: np.ndarray, lengths: np.ndarray, name: str) -> Sequences:
    _check_with_lengths(x.shape, lengths, name)
    if x.ndim == 2:
        return Sequences.from_flat(x, lengths)
    return Sequences.from_pieces(meant(x, lengths), lengths, on_disk=is_mapped(x) or None)


def meant(rows: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """The first steps of each row of (N, T, …), as many as its length says: some (n, …) at a time."""
    begin = 0
    for piece in in_pieces(rows):
        own = lengths[begin : begin + len(piece)]
        if len(piece) == 1:  # maybe more than a piece should be
            yield from in_pieces(piece[0, : own[0]])
        else:
            yield piece[np.arange(rows.shape[1]) < own[:, None]]
        begin += len(piece)


def _check_with_lengths(shape: tuple[int, ...], lengths: np.ndarray, name: str) -> None:
    """Raise `DataError` for lengths that do not go with an array of that shape."""
    if len(shape) == 2:
        if int(lengths.sum()) != shape[0]:
            raise DataError(
                f"{name}: expected {int(lengths.sum())} steps in all, the sum of `lengths`, got {shape[0]}."
            )
        return
    if len(shape) != 3 or len(lengths) != shape[0]:
        raise DataError(f"{name}: expected one length per sequence ({shape[0]}), got {len(lengths)} lengths.")
    if lengths.max(initial=0) > shape[1]:
        row = int((lengths > shape[1]).argmax())
        raise DataError(
            f"{name}: expected at most {shape[1]} steps, got a length of {lengths[row]} in row {row}."
        )
