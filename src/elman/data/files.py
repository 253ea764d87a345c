"""Reading files: missing ones, gzip and encodings, each with its own message."""

from __future__ import annotations

import difflib
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from elman.errors import DataError


def existing(path: Path, *, what: str = "data") -> Path:
    """`path` itself; raises `DataError` if there is no such file, with the nearest name in its folder."""
    if path.is_file():
        return path
    if path.is_dir():
        raise DataError(f"{what}: expected a file, got the folder '{path}'.")
    if not path.parent.is_dir():
        raise DataError(
            f"{what}: expected a file, got '{path}', whose folder '{path.parent}' does not exist."
        )
    near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1, cutoff=0.6)
    hint = f" Did you mean '{path.parent / near[0]}'?" if near else ""
    raise DataError(f"{what}: expected a file, got '{path}', which does not exist.{hint}")


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """The content of a file, open for reading, unpacked if its name ends in .gz.

    Raises `DataError` where reading it finds that it is truncated or damaged.
    """
    if path.suffix != ".gz":
        with open(path, "rb") as file:
            yield file
        return
    try:
        with gzip.open(path) as file:
            yield cast(BinaryIO, file)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected a gzip file, got a truncated or damaged one ({error}).") from None


def check_utf8(content: bytes, path: Path, *, lines: int = 0, start: int = 0) -> None:
    """Raise `DataError` with line and byte where `content`, behind so many lines and bytes of the file, is
    not UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = lines + content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}: expected UTF-8 text, got the byte 0x{content[error.start]:02x} in line {line} "
            f"(byte {start + error.start} of the file). Convert it first, e.g. iconv -f latin1 -t utf-8."
        ) from None


def kind_of(path: Path) -> str:
    """The last ending of a file's name without .gz, such as ".csv"."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
