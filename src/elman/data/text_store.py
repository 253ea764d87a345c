"""Text stores: many texts with their labels, kept on disk and mapped into memory, so that they never have to
fit in it.

A store is a folder in the cache, whole or not there:

| file | what |
| --- | --- |
| texts.utf8 | all texts, one after the other |
| offsets.npy | (N + 1,) int64, the byte at which each begins, and the end of the last |
| labels.npy | (N,) labels; not there where there are none |
| store.json | format, the stamp of the source, fingerprint, sizes |
| tokens-… | the texts as numbers of a vocabulary, see `text_tokens` |

One whose source has changed is made anew.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from elman.data.labels import labels_from_texts
from elman.data.placing import made_once

FORMAT = "elman texts 1"
BLOCK = 1 << 20  # bytes of texts that are read at a time
#: some texts, and their labels where there are any
Piece = tuple[Sequence[str], Sequence[str] | None]


@dataclass(frozen=True)
class Source:
    """Where texts come from.

    name: what tells it from others, such as a path.
    stamp: changes when the content does, such as size and time of a file.
    """

    name: str
    stamp: str


class StoredTexts(Sequence[str]):
    """N texts in a store, read when they are asked for.

    where: the folder of the store. rows: (N,) which of its texts these are; None for all.
    """

    def __init__(
        self,
        where: Path,
        content: mmap.mmap | bytes,
        offsets: np.ndarray,
        rows: np.ndarray | None = None,
    ) -> None:
        self.where, self.rows = where, rows
        self._content, self._offsets = content, offsets

    @property
    def all(self) -> StoredTexts:
        """Every text of the store."""
        return StoredTexts(self.where, self._content, self._offsets)

    @property
    def size(self) -> int:
        """Bytes of these texts in UTF-8."""
        if self.rows is None:
            return int(self._offsets[-1])
        return int((self._offsets[self.rows + 1] - self._offsets[self.rows]).sum())

    @property
    def empty(self) -> int:
        """How many of these texts have no character."""
        none = np.diff(self._offsets) == 0
        return int((none if self.rows is None else none[self.rows]).sum())

    def select(self, rows: np.ndarray) -> StoredTexts:
        """The texts at `rows`, in that order."""
        chosen = rows if self.rows is None else self.rows[rows]
        return StoredTexts(self.where, self._content, self._offsets, chosen)

    def blocks(self) -> Iterator[list[str]]:
        """All texts in order, some at a time."""
        every = np.arange(len(self)) if self.rows is None else self.rows
        ends = (self._offsets[every + 1] - self._offsets[every]).cumsum()
        for rows in np.split(every, np.flatnonzero(np.diff(ends // BLOCK)) + 1):
            spans = zip(self._offsets[rows].tolist(), self._offsets[rows + 1].tolist(), strict=True)
            yield [self._content[begin:end].decode() for begin, end in spans]

    def __len__(self) -> int:
        return len(self._offsets) - 1 if self.rows is None else len(self.rows)

    def __iter__(self) -> Iterator[str]:
        for block in self.blocks():
            yield from block

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> StoredTexts: ...

    def __getitem__(self, place: int | slice) -> str | StoredTexts:
        if isinstance(place, slice):
            return self.select(np.arange(len(self))[place])
        row = range(len(self))[place]
        row = row if self.rows is None else int(self.rows[row])
        return self._content[int(self._offsets[row]) : int(self._offsets[row + 1])].decode()

    def __eq__(self, other: object) -> bool:
        """Whether these are the same texts as those of another sequence."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Stored:
    """What a store holds: texts, and labels (N,) where there are any."""

    texts: StoredTexts
    labels: np.ndarray | None


def file_source(path: Path) -> Source:
    """A file as a `Source`."""
    status = path.stat()
    return Source(str(path.resolve()), f"{status.st_size} {status.st_mtime_ns}")


def stored_texts(source: Source, settings: Mapping[str, Any], read: Callable[[], Iterable[Piece]]) -> Stored:
    """The texts of a source from their store in the cache; made from what `read` gives if not there yet.

    settings: how the source is read; others have another store.

    Raises what `read` raises, and `DataError` where the store cannot be written.
    """
    return made_once(
        "texts",
        source.name,
        [FORMAT, source.name, settings],
        lambda folder: _open(folder, source.stamp),
        lambda folder: _write(folder, source.stamp, read()),
    )


def mapped_texts(folder: Path, size: int) -> StoredTexts:
    """The texts that a `TextWriter` wrote, so many bytes; raises `OSError` or `ValueError` otherwise."""
    path = folder / "texts.utf8"
    if path.stat().st_size != size:
        raise ValueError(f"'{path}' has another size")
    with open(path, "rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    return StoredTexts(folder, content, np.asarray(np.load(folder / "offsets.npy", mmap_mode="r")))


class TextWriter:
    """Writes texts.utf8 and offsets.npy in a folder, some texts at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, open(folder / "texts.utf8", "wb")  # noqa: SIM115
        self._lengths: list[np.ndarray] = []

    def add(self, texts: Iterable[str]) -> None:
        encoded = [text.encode() for text in texts]
        self._file.write(b"".join(encoded))
        self._lengths.append(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)))

    def finish(self) -> np.ndarray:
        """(N + 1,) int64, where each text begins, and the end of the last."""
        offsets = np.concatenate([np.zeros(1, np.int64), *self._lengths]).cumsum()
        np.save(self._folder / "offsets.npy", offsets)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return offsets

    def __enter__(self) -> TextWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _open(folder: Path, stamp: str) -> Stored | None:
    """What is in a store; None if there is no whole one of this stamp."""
    try:
        about = json.loads((folder / "store.json").read_bytes())
        if about["stamp"] != stamp:
            return None
        texts = mapped_texts(folder, about["bytes"])
        labels = np.asarray(np.load(folder / "labels.npy", mmap_mode="r")) if about["labels"] else None
    except (OSError, ValueError, KeyError):
        return None
    if len(texts) != about["texts"] or (labels is not None and len(labels) != about["texts"]):
        return None
    return Stored(texts, labels)


def _write(folder: Path, stamp: str, pieces: Iterable[Piece]) -> None:
    codes: list[np.ndarray] = []
    known: dict[str, int] = {}
    with TextWriter(folder) as writer:
        for texts, labels in pieces:
            writer.add(texts)
            if labels is not None:
                numbers = (known.setdefault(label, len(known)) for label in labels)
                codes.append(np.fromiter(numbers, dtype=np.int32, count=len(labels)))
        offsets = writer.finish()
    if codes:
        np.save(folder / "labels.npy", labels_from_texts(list(known))[np.concatenate(codes)])
    about = {"format": FORMAT, "stamp": stamp, "texts": len(offsets) - 1, "bytes": int(offsets[-1])}
    (folder / "store.json").write_text(json.dumps({**about, "labels": bool(codes)}))
