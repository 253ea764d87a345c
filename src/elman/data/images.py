"""Images as sequences of their rows or columns: arrays, and files through Pillow.

Dimensions: N images, R rows, C columns, B bands (1 for grey, 3 for colour).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from elman.data.feature_store import Item, Stored, stored
from elman.errors import DataError, unknown

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
READ = ("rows", "columns")
_GREY = ("1", "L", "I", "F", "I;16", "LA", "La")


def steps_of(images: np.ndarray, read: str) -> np.ndarray:
    """Images (N, R, C) or (N, R, C, B) as steps: (N, R, C * B) by rows, (N, C, R * B) by columns.

    Raises `ArgumentError` for another `read`.
    """
    if read not in READ:
        raise unknown("read", read, READ)
    if images.ndim == 3:
        images = images[..., None]
    if read == "columns":
        images = images.swapaxes(1, 2)
    count, steps, *pixel = images.shape
    return images.reshape(count, steps, math.prod(pixel))


def read_images(
    source: str, items: Sequence[Item], read: str, *, skip_bad: bool = False
) -> tuple[Stored, list[str]]:
    """(pixels in 0 to 1 of all images as steps, notes); grey ones have one band, others three.

    All must be as wide (by rows) or as high (by columns) as the first.

    Raises `DataError` that names the file for one that is damaged or of another size, unless `skip_bad`.
    """

    first: list[tuple[str, tuple[int, int]]] = []

    def features(file: BinaryIO, name: str) -> np.ndarray:
        image = pixels(file, name)
        size = image.shape[1 if read == "rows" else 0], image.shape[2]
        if not first:
            first.append((name, size))
        if size != first[0][1]:
            raise DataError(
                f"{name}: expected an image with {_called(first[0][1], read)}, as '{first[0][0]}', got one "
                f"with {_called(size, read)}. Bring all to one size and to grey or colour."
            )
        return steps_of(image[None], read)[0]

    kept = stored(source, items, features, {"images": read}, skip_bad=skip_bad)
    notes = [f"{len(kept.kept):,} images read by {read}"]
    if kept.skipped:
        listed = "; ".join(kept.skipped[:3]) + (" …" if len(kept.skipped) > 3 else "")
        notes.append(f"skipped {len(kept.skipped):,} bad files of {len(items):,}: {listed}")
    return kept, notes


def _called(size: tuple[int, int], read: str) -> str:
    """What a step of an image is: how many pixels, and of which kind."""
    return f"{read} of {size[0]} {'grey' if size[1] == 1 else 'colour'} pixels"


def pixels(file: BinaryIO, name: str) -> np.ndarray:
    """(R, C, B) float32 in 0 to 1; raises `DataError` for a file that is no image."""
    try:
        with Image.open(file) as image:
            if image.mode.startswith("I;16"):
                return np.asarray(image, np.float32)[..., None] / np.float32(65535)
            plain = image.convert("L" if image.mode in _GREY else "RGB")
            values = np.asarray(plain, np.float32) / np.float32(255)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{name}: expected an image, got a damaged or different file ({error}).") from None
    return values if values.ndim == 3 else values[..., None]
