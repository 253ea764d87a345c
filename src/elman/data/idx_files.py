"""Images in the IDX format of MNIST, read some at a time: sizes as big-endian whole numbers, then bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from elman.data.checks import check_lengths
from elman.data.examples import Examples
from elman.data.files import existing, unpacked
from elman.data.images import steps_of
from elman.data.sequences import Sequences
from elman.data.spilled import PIECE
from elman.errors import DataError


def is_idx(path: Path) -> bool:
    """Whether a file is one of images by its name, such as train-images-idx3-ubyte.gz."""
    return path.name.endswith(("-images-idx3-ubyte", "-images-idx3-ubyte.gz"))


def read_idx(path: Path, read: str) -> Examples:
    """Images of an IDX file, pixels in 0 to 1, with the labels of the file beside it where there is one; many
    are mapped from disk.

    Its name is that of the images, with labels-idx1 in place of images-idx3. Raises `DataError` if one of
    them is damaged or they are not of the same number.
    """
    with unpacked(existing(path)) as file:
        shape = _shape(file, str(path))
        if len(shape) != 3:
            raise DataError(f"{path}: expected images (count, rows, columns), got the shape {shape}.")
        _, steps, features = steps_of(np.empty((0, *shape[1:])), read).shape
        pieces = (
            steps_of(images, read).reshape(-1, features).astype(np.float32) / np.float32(255)
            for images in _items(file, shape, str(path))
        )
        inputs = Sequences.from_pieces(pieces, np.full(shape[0], steps))
    beside = path.with_name(path.name.replace("-images-idx3-", "-labels-idx1-"))
    labels = None
    if beside.is_file():
        with unpacked(beside) as file:
            labels = _whole(file, str(beside)).astype(np.int64)
        check_lengths(len(inputs), len(labels), str(beside))
    return Examples(inputs, labels, str(path))


def parse_idx(content: bytes, source: str) -> np.ndarray:
    """An IDX file of bytes as an array; raises `DataError` if it is none."""
    return _whole(io.BytesIO(content), source)


def _whole(file: BinaryIO, source: str) -> np.ndarray:
    shape = _shape(file, source)
    return np.concatenate(list(_items(file, shape, source)))


def _shape(file: BinaryIO, source: str) -> tuple[int, ...]:
    """The sizes at the start of a file."""
    start = file.read(4)
    if len(start) < 4 or start[:3] != b"\x00\x00\x08" or not start[3]:
        raise DataError(f"{source}: expected an IDX file of bytes, got one that begins with {start.hex()}.")
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise DataError(f"{source}: expected {start[3]} sizes of 4 bytes at its start, got a shorter file.")
    return tuple(np.frombuffer(sizes, ">u4").tolist())


def _items(file: BinaryIO, shape: tuple[int, ...], source: str) -> Iterator[np.ndarray]:
    """The bytes behind the sizes, some (n, …) at a time, one piece at least; `DataError` where there are more
    or fewer than these say."""
    wide = math.prod(shape[1:])
    some = max(PIECE // max(wide, 1), 1)
    for begin in range(0, max(shape[0], 1), some):
        count = min(some, shape[0] - begin)
        content = _filled(file, count * wide)
        if len(content) < count * wide:
            raise _other_size(shape, begin * wide + len(content), source)
        yield np.frombuffer(content, np.uint8).reshape(count, *shape[1:])
    if behind := sum(len(rest) for rest in iter(lambda: file.read(PIECE), b"")):
        raise _other_size(shape, math.prod(shape) + behind, source)


def _filled(file: BinaryIO, wanted: int) -> bytes:
    """So many bytes, or what is left; a size that no file has is no reason to ask for that much memory."""
    parts: list[bytes] = []
    while wanted and (part := file.read(min(wanted, PIECE))):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _other_size(shape: tuple[int, ...], got: int, source: str) -> DataError:
    return DataError(f"{source}: expected {math.prod(shape)} bytes of data, got {got}.")
