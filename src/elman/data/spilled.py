"""Numbers that are written to disk as they come, and mapped into memory from there.

The file has no name: it goes when nothing reads it any more.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np

from elman.data.remote import cache_folder
from elman.errors import DataError

LARGE = 256 << 20  # bytes of numbers from which on they are not held in memory
PIECE = 8 << 20  # bytes that are read at a time


class Growing:
    """An array (S, …) of one kind to which rows are added; to be used by `with`.

    on_disk: whether it is there or in memory; None: there once it is `LARGE`.

    Raises `DataError` where there is no room in the cache.
    """

    def __init__(self, kind: Any, *, on_disk: bool | None = None) -> None:
        self.kind, self._tail = np.dtype(kind), (1,)
        self._most = LARGE if on_disk is None else math.inf
        self._file = _nameless() if on_disk else None
        self._parts: list[np.ndarray] = []
        self._held = 0

    def __enter__(self) -> Growing:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, rows: np.ndarray) -> None:
        """Rows (n, …), the same … at every call."""
        self._tail = rows.shape[1:]
        rows = np.ascontiguousarray(rows, dtype=self.kind)
        self._parts.append(rows)
        self._held += rows.nbytes
        if self._file is None and self._held >= self._most:
            self._file = _nameless()
        if self._file is not None:
            parts, self._parts = self._parts, []
            with _said():
                self._file.writelines(part.tobytes() for part in parts)

    def finish(self, *, pad: bool = False) -> np.ndarray:
        """All rows, and with `pad` one of zeros behind them; (0, …) of none, or (0, 1) where nothing was ever
        added."""
        if pad:
            self.add(np.zeros((1, *self._tail), dtype=self.kind))
        if self._file is None:
            parts, self._parts = self._parts, []
            if not parts:
                return np.zeros((0, *self._tail), dtype=self.kind)
            return parts[0] if len(parts) == 1 else np.concatenate(parts)
        with _said():
            self._file.flush()
            if not self._file.tell():
                return np.zeros((0, *self._tail), dtype=self.kind)
            # copy-on-write: nothing is ever written, and torch wants memory that could be
            return np.asarray(np.memmap(self._file, self.kind, mode="c").reshape(-1, *self._tail))


def spilled(pieces: Iterable[np.ndarray], kind: Any = np.float32, *, pad: bool = False) -> np.ndarray:
    """Arrays (n, …) of numbers, the same …, as one on disk, and with `pad` a row of zeros behind them; see
    `Growing.finish`.

    Raises `DataError` where there is no room in the cache.
    """
    with Growing(kind, on_disk=True) as rows:
        for piece in pieces:
            rows.add(piece)
        return rows.finish(pad=pad)


def in_pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """An array (S, …) as it stands, some rows at a time; one piece at least."""
    some = max(PIECE // max(array[:1].nbytes, 1), 1)
    return (array[begin : begin + some] for begin in range(0, max(len(array), 1), some))


def in_rows(array: np.ndarray) -> Iterator[np.ndarray]:
    """The rows (n, F) of an array (…, F), some at a time; the numbers (n,) of one (S,)."""
    for piece in in_pieces(array):
        if piece.ndim < 3:
            yield piece
        elif len(piece) == 1:  # maybe more than a piece should be
            yield from in_rows(piece[0])
        else:
            yield piece.reshape(-1, piece.shape[-1])


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array is on disk, and read from there where it is looked at."""
    held: Any = array
    while isinstance(held, np.ndarray):
        held = held.base
    return isinstance(held, mmap.mmap)


def room(shape: tuple[int, ...], kind: Any, *, on_disk: bool | None = None) -> np.ndarray:
    """An array to be filled in any order, of no content yet; on disk it can be larger than memory.

    on_disk: None: if it is `LARGE`.

    Raises `DataError` where there is no room in the cache.
    """
    if on_disk is None:
        on_disk = math.prod(shape) * np.dtype(kind).itemsize >= LARGE
    if not on_disk or 0 in shape:
        return np.empty(shape, dtype=kind)
    with _said(), _nameless() as file:
        return np.asarray(np.memmap(file, kind, mode="w+", shape=shape))


def _nameless() -> IO[bytes]:
    folder = cache_folder()
    with _said():
        folder.mkdir(parents=True, exist_ok=True)
        return TemporaryFile(dir=folder)


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"numbers could not be kept in '{cache_folder()}' ({error.strerror or error}). "
            "ELMAN_CACHE names another folder for such files."
        ) from error
