""".npz files: their arrays, never unpickled; a large one is copied to disk in pieces, and mapped from there.

Dimensions: F features, S rows in all.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from elman.data.safe_objects import read_objects
from elman.data.spilled import spilled
from elman.errors import DataError

LARGE = 256 << 20  # bytes of an array from which on it is not held in memory
PIECE = 8 << 20  # bytes that are read at a time


def load_arrays(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, np.ndarray]:
    """The wanted arrays of an .npz file by name; raises `DataError` if it is none."""
    with _archive(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
        return {name: _member(archive, held, path) for name, held in members.items() if wanted(name)}


def large_rows(
    path: Path, name: str, dimensions: Collection[int]
) -> tuple[np.ndarray, tuple[int, ...]] | None:
    """(the rows of a large array of numbers (…, F) as float32 (S + 1, F) on disk, the last one zeros; its
    shape). None for an array that is not large, is not in the file, has another number of dimensions, or
    holds no rows of numbers one after the other.

    Raises `DataError` for a damaged file, or where there is no room in the cache.
    """
    with _archive(path) as archive:
        member = f"{name}.npy"
        if member not in archive.namelist() or archive.getinfo(member).file_size < LARGE:
            return None
        with archive.open(member) as file:
            shape, kind = _header(file)
            if kind.kind not in "biuf" or len(shape) not in dimensions or 0 in shape:
                return None
            pieces = _pieces(file, math.prod(shape[:-1]), shape[-1], kind)
            return spilled(chain(pieces, [np.zeros((1, shape[-1]))])), shape


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """(shape, type) of an array that is to be read; () for one whose rows do not lie one after the other, or
    whose header is none."""
    reads = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        shape, columns_first, kind = reads[npy.read_magic(file)](file)
    except (ValueError, KeyError):
        return (), np.dtype(object)
    return (() if columns_first else shape), kind


def _pieces(file: IO[bytes], rows: int, features: int, kind: np.dtype[Any]) -> Iterator[np.ndarray]:
    wide = features * kind.itemsize
    while rows:
        count = min(rows, max(PIECE // wide, 1))
        content = file.read(count * wide)
        if len(content) < count * wide:
            raise EOFError("an array is cut off")
        yield np.frombuffer(content, kind).reshape(count, features)
        rows -= count


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{path}: expected an .npz file, got a damaged or different one ({error}).") from None


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """One array; those of objects go past numpy's reader, which would unpickle them."""
    with archive.open(name) as file:
        try:
            return npy.read_array(file, allow_pickle=False)
        except ValueError:
            pass
    with archive.open(name) as file:
        return read_objects(file, f"{path}: {name.removesuffix('.npy')}")
