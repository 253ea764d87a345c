"""Numbers that are written to disk as they are read, and mapped into memory from there.

The file has no name: it goes when nothing reads it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from tempfile import TemporaryFile

import numpy as np

from elman.data.remote import cache_folder
from elman.errors import DataError

BLOCK = 100_000  # rows that are put in order at a time


def spilled(pieces: Iterable[np.ndarray], kind: type[np.generic] = np.float32) -> np.ndarray:
    """Arrays (n, F) of numbers, the same F, or (n,), as one array on disk (S, F) or (S,); none give (0, 1).

    Raises `DataError` where there is no room in the cache.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            tail: tuple[int, ...] = (1,)
            for piece in pieces:
                tail = piece.shape[1:]
                file.write(np.ascontiguousarray(piece, dtype=kind).tobytes())
            file.flush()
            if not file.tell():
                return np.zeros((0, *tail), dtype=kind)
            # copy-on-write: nothing is ever written, and torch wants memory that could be
            return np.asarray(np.memmap(file, kind, mode="c").reshape(-1, *tail))
    except OSError as error:
        raise DataError(
            f"numbers could not be kept in '{folder}' ({error.strerror or error}). "
            "ELMAN_CACHE names another folder for such files."
        ) from error


def in_order(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The rows of `values` (S, F) at `order` (S,), and one of zeros behind them, likewise on disk."""

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, len(order), BLOCK):
            yield values[order[start : start + BLOCK]]
        yield np.zeros((1, values.shape[1]), dtype=np.float32)

    return spilled(blocks())
