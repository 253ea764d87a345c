""".npz files: their arrays, never unpickled; a large one is copied to disk, and mapped from there."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from elman.data.safe_objects import read_objects
from elman.data.spilled import LARGE, PIECE, spilled
from elman.errors import DataError


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name.

    Raises `DataError` for any other file, or where there is no room in the cache.
    """
    with _archive(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
        return {name: _member(archive, held, path) for name, held in members.items()}


def _mapped(file: IO[bytes]) -> np.ndarray | None:
    """An array on disk; None for one of objects, which have to be unpickled, and for what is no array."""
    reads = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        shape, columns_first, kind = reads[npy.read_magic(file)](file)
    except (ValueError, KeyError):
        return None
    size = math.prod(shape) * kind.itemsize
    if kind.hasobject or not size:
        return None
    content = spilled(
        (np.frombuffer(piece, np.uint8) for piece in iter(lambda: file.read(PIECE), b"")), np.uint8
    )
    if len(content) < size:
        raise EOFError("an array is cut off")
    return content[:size].view(kind).reshape(shape, order="F" if columns_first else "C")


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{path}: expected an .npz file, got a damaged or different one ({error}).") from None


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    """One array; those of objects go past numpy's reader, which would unpickle them."""
    if archive.getinfo(name).file_size >= LARGE:
        with archive.open(name) as file:
            array = _mapped(file)
        if array is not None:
            return array
    with archive.open(name) as file:
        try:
            return npy.read_array(file, allow_pickle=False)
        except ValueError:
            pass
    with archive.open(name) as file:
        return read_objects(file, f"{path}: {name.removesuffix('.npy')}")
