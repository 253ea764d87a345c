"""Sequences of numbers computed once from files, kept on disk and mapped into memory.

A store is a folder: `values.f32` holds the steps of all sequences, one after the other, and then one step of
zeros (the padding of `Sequences`); `store.json` holds the rest. It is written beside and then renamed, so a
half-written one is never used; one whose source or settings have changed is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from elman.data.placing import put_in_place
from elman.data.remote import cache_folder
from elman.data.sequences import Sequences
from elman.errors import DataError

FORMAT = 1
Features = Callable[[BinaryIO, str], np.ndarray]  # of an open file and its name: (T, F)


@dataclass(frozen=True)
class Item:
    """One file, or one member of an archive.

    name: what messages call it.
    open: opens it for reading, at every call.
    stamp: changes when the content does, such as size and time of a file.
    """

    name: str
    open: Callable[[], BinaryIO]
    stamp: str


@dataclass(frozen=True)
class Stored:
    """What a store holds: `sequences` of the items at the places `kept` (M,), and why others were skipped."""

    sequences: Sequences
    kept: np.ndarray
    skipped: tuple[str, ...]


def file_item(path: Path) -> Item:
    """The `Item` of a file."""
    status = path.stat()
    return Item(str(path), lambda: path.open("rb"), f"{status.st_size} {status.st_mtime_ns}")


def stored(
    source: str,
    items: Sequence[Item],
    features: Features,
    settings: dict[str, Any],
    *,
    skip_bad: bool = False,
) -> Stored:
    """The features of all items, from their store, which is made if it is not there.

    source: what the data is called; the same source and settings share one store.
    features: gives (T, F) of an open item and its name, the same F for all.
    skip_bad: leave items out for which `features` raises `DataError`, and say why, instead of raising it.

    Raises `DataError` from `features`, for another F, and if no item is left.
    """
    settings = {**settings, "format": FORMAT, "skip_bad": skip_bad}
    key = _digest([os.path.abspath(source), json.dumps(settings, sort_keys=True)])
    folder = cache_folder() / "features" / key[:16]
    fingerprint = _digest([text for item in items for text in (item.name, item.stamp)])
    about = _read(folder)
    if about is None or about["fingerprint"] != fingerprint:
        about = _make(folder, items, features, fingerprint, skip_bad=skip_bad)
    return _open(folder, about)


def _read(folder: Path) -> dict[str, Any] | None:
    """What store.json says; None if there is no whole store."""
    try:
        about = json.loads((folder / "store.json").read_bytes())
        whole = (sum(about["lengths"]) + 1) * about["features"] * 4
        return about if (folder / "values.f32").stat().st_size == whole else None
    except (OSError, ValueError, KeyError):
        return None


def _make(
    folder: Path,
    items: Sequence[Item],
    features: Features,
    fingerprint: str,
    *,
    skip_bad: bool,
) -> dict[str, Any]:
    with put_in_place(folder) as beside:
        with open(beside / "values.f32", "wb") as file:
            about = _write(file.write, items, features, skip_bad=skip_bad)
        about["fingerprint"] = fingerprint
        (beside / "store.json").write_text(json.dumps(about))
    return about


def _write(
    write: Callable[[bytes], Any],
    items: Sequence[Item],
    features: Features,
    *,
    skip_bad: bool,
) -> dict[str, Any]:
    lengths: list[int] = []
    kept: list[int] = []
    skipped: list[str] = []
    width: int | None = None
    for place, item in enumerate(items):
        try:
            with item.open() as file:
                values = np.ascontiguousarray(features(file, item.name), dtype=np.float32)
            width = width or values.shape[1]
            if values.shape[1] != width:
                raise DataError(
                    f"{item.name}: expected {width} features, as in '{items[kept[0]].name}', "
                    f"got {values.shape[1]}."
                )
        except DataError as error:
            if not skip_bad:
                raise DataError(f"{error} --skip-bad goes on without such files.") from None
            skipped.append(str(error))
            continue
        write(values.tobytes())
        lengths.append(len(values))
        kept.append(place)
    if width is None:
        why = f" The first: {skipped[0]}" if skipped else ""
        raise DataError(f"expected at least one good file, got {len(items)} files, none of them good.{why}")
    write(bytes(4 * width))
    return {"lengths": lengths, "kept": kept, "skipped": skipped, "features": width}


def _open(folder: Path, about: dict[str, Any]) -> Stored:
    shape = (sum(about["lengths"]) + 1, about["features"])
    # copy-on-write: nothing is ever written, and torch wants memory that could be
    values = np.asarray(np.memmap(folder / "values.f32", np.float32, mode="c", shape=shape))
    sequences = Sequences.padded(values, about["lengths"])
    return Stored(sequences, np.array(about["kept"], dtype=np.int64), tuple(about["skipped"]))


def _digest(texts: Sequence[str]) -> str:
    code = hashlib.sha256()
    for text in texts:
        code.update(text.encode() + b"\0")
    return code.hexdigest()
