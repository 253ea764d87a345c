"""Series in the .ts format of the UEA and UCR archives (sktime, aeon), ragged or not.

A header of lines that begin with @ (# is a comment), then `@data`, then one case a line: the values of a
channel separated by commas, the channels by colons, the class (or, for a regression, the number) last.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from elman.data.examples import Examples
from elman.data.files import existing
from elman.data.labels import labels_from_texts
from elman.data.sequences import Sequences
from elman.data.spilled import Growing
from elman.data.table_files import pieces_of
from elman.errors import DataError, unknown

_FLAGS = ("timestamps", "missing", "univariate", "equallength")
_NUMBERS = ("dimensions", "dimension", "serieslength")
_OTHERS = ("problemname", "classlabel", "targetlabel", "data")


@dataclass
class _Header:
    """What the lines before @data say; None where they do not."""

    channels: int | None = None
    length: int | None = None
    equal: bool = False
    classes: tuple[str, ...] | None = None
    labelled: bool | None = None
    target: bool = False  # what stands last is a number to be predicted

    @property
    def answered(self) -> bool:
        """Whether a class or a number stands last."""
        return bool(self.labelled) or self.target


def read_ts(path: Path, *, labelled: bool = True) -> Examples:
    """Examples from a .ts file (also .gz), read in pieces; a missing value, written ?, becomes NaN. The
    numbers of a large one are mapped from disk.

    Raises `DataError` with the line for a broken header, and for a case that does not fit it.
    """
    return parse_ts(pieces_of(existing(path)), str(path), labelled=labelled)


def parse_ts(pieces: Iterable[bytes], source: str, *, labelled: bool = True) -> Examples:
    """The same from the content of a file, in pieces that end where a line does."""
    lines = enumerate(chain.from_iterable(piece.decode().splitlines() for piece in pieces), 1)
    header = _read_header(lines, source)
    if header.labelled is None and not header.target:
        raise DataError(
            f"{source}: expected a line @classLabel in the header, got none. Add @classLabel true with the "
            "classes where one stands at the end of each case, else @classLabel false."
        )
    if labelled and not header.answered:
        raise DataError(f"{source}: expected a class for each case, but its header says @classLabel false.")
    lengths, labels, first = [], [], 0
    with Growing(np.float32) as kept:
        for number, line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            values, label = _read_case(line, header, f"{source}: line {number}")
            header.channels = values.shape[1]
            header.length = header.length or (len(values) if header.equal else None)
            first = first or number
            kept.add(values)
            lengths.append(len(values))
            labels.append(sys.intern(label))
        if not lengths:
            raise DataError(f"{source}: expected at least one case after @data, got none.")
        cases = Sequences.padded(kept.finish(pad=True), lengths)
    named = labels_from_texts(labels) if header.answered else None
    if named is not None and header.target:
        named = named.astype(np.float64)
    return Examples(cases, named, source, first_row=first)


def _read_header(lines: Iterator[tuple[int, str]], source: str) -> _Header:
    header = _Header()
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{source}: line {number}"
        if not line.startswith("@"):
            raise DataError(f"{where}: expected a header line that begins with @, got {line[:40]!r}.")
        name, *values = line[1:].split() or [""]
        if name.lower() == "data":
            return header
        try:
            _take(header, name, values)
        except (DataError, ValueError) as error:
            raise DataError(f"{where}: {error}") from None
    raise DataError(f"{source}: expected a line @data behind the header, got none.")


def _take(header: _Header, name: str, values: list[str]) -> None:
    """One header line; raises `ValueError` saying what is wrong with it."""
    key, text = name.lower(), " ".join(values).lower()
    if key in ("classlabel", "targetlabel", *_FLAGS) and (
        not values or values[0].lower() not in ("true", "false")
    ):
        raise DataError(f"expected @{name} true or false, got {' '.join(values) or 'nothing'!r}.")
    if key in _NUMBERS:
        if not text.isdecimal() or int(text) < 1:
            raise DataError(f"expected @{name} and a whole number of 1 or more, got {text or 'nothing'!r}.")
        if key == "serieslength":
            header.length = int(text)
        else:
            header.channels = int(text)
    elif key == "univariate" and text == "true":
        header.channels = 1
    elif key == "equallength":
        header.equal = text == "true"
    elif key == "timestamps" and text == "true":
        raise DataError("expected series without time stamps (@timeStamps false), got true.")
    elif key == "targetlabel":
        header.target = text == "true"
    elif key == "classlabel":
        header.labelled, header.classes = values[0].lower() == "true", tuple(values[1:]) or None
    elif key not in (*_FLAGS, *_OTHERS):
        raise unknown("header line", f"@{name}", [f"@{known}" for known in (*_FLAGS, *_NUMBERS, *_OTHERS)])


def _read_case(line: str, header: _Header, where: str) -> tuple[np.ndarray, str]:
    """((T, F) float32, the class)."""
    channels, label = line.strip().split(":"), ""
    if header.answered:
        label = channels.pop().strip()
        if header.target and not _is_number(label):
            raise DataError(f"{where}: expected a number at the end, to be predicted, got {label[:40]!r}.")
        if not label or (header.classes and label not in header.classes):
            listed = ", ".join((header.classes or ("any class",))[:20])
            raise DataError(f"{where}: expected a class at the end ({listed}), got {label[:40]!r}.")
    if not channels or (header.channels and len(channels) != header.channels):
        wanted = f"{header.channels} channels, as before" if header.channels else "at least one channel"
        raise DataError(f"{where}: expected {wanted}, got {len(channels)}.")
    rows = [_numbers(channel, where) for channel in channels]
    steps = len(rows[0])
    for place, row in enumerate(rows, 1):
        if len(row) != (header.length or steps):
            raise DataError(
                f"{where}: expected {header.length or steps} values in every channel, "
                f"got {len(row)} in channel {place}."
            )
    return np.stack(rows, axis=1), label


def _numbers(channel: str, where: str) -> np.ndarray:
    try:
        return np.array(
            [float("nan") if v.strip() == "?" else float(v) for v in channel.split(",")], np.float32
        )
    except ValueError as error:
        raise DataError(f"{where}: expected numbers separated by commas ({error}).") from None


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
