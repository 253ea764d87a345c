"""Pretrained word vectors from text files: a word and its numbers a line, as in .vec and GloVe files."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elman.data.files import existing
from elman.errors import DataError


@dataclass(frozen=True)
class WordVectors:
    """vectors (M, size) float32, and the number (M,) of the word of each. longer: how many lines have more
    numbers, which belong to no word, and the first of them."""

    vectors: np.ndarray
    words: np.ndarray
    longer: int = 0
    first_longer: int = 0


def vector_size(path: Path) -> int:
    """The numbers of each vector; raises `DataError` for a file that holds none."""
    lines = _lines(existing(path, what="word_vectors"))
    first = next(lines, (0, ""))[1].split(" ")
    if len(first) == 2 and all(word.isdecimal() for word in first):  # the header of .vec: count and size
        return int(first[1])
    if len(first) < 3:
        raise DataError(f"{path}: expected lines of a word and its numbers, got {' '.join(first)[:40]!r}.")
    return len(first) - 1


def read_word_vectors(path: Path, numbers: dict[str, int]) -> WordVectors:
    """The vectors of the words of `numbers` that are in the file, which is read line by line.

    numbers: by word. Raises `DataError` with the line for one of another size or with something that is no
    number, and if no word is found.
    """
    size = vector_size(path)
    found: dict[int, np.ndarray] = {}
    longer = first_longer = 0
    for line, text in _lines(path):
        if line == 1 and len(text.split(" ")) == 2:
            continue
        word, *values = text.rsplit(" ", size)
        if len(values) != size:
            raise DataError(
                f"{path}: expected {size} numbers in every line, got {len(values)} in line {line}."
            )
        if " " in word and _is_number(word.rpartition(" ")[2]):  # of more words there are some, as in ". . ."
            longer, first_longer = longer + 1, first_longer or line
        if word in numbers and numbers[word] not in found:
            try:
                vector = np.array(values, dtype=np.float32)
            except ValueError as error:
                raise DataError(
                    f"{path}: expected numbers behind the word in line {line} ({error})."
                ) from None
            if not np.isfinite(vector).all():
                raise DataError(f"{path}: expected finite numbers, got NaN or infinity in line {line}.")
            found[numbers[word]] = vector
    if not found:
        raise DataError(
            f"{path}: expected vectors of words in the data, found none of {len(numbers):,}. "
            "Are the words written in the same way (capital letters)?"
        )
    words = np.array(list(found), dtype=np.int64)
    return WordVectors(np.stack(list(found.values())), words, longer, first_longer)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line without its end), of a file that may be packed."""
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8") as f
        ):
            for number, line in enumerate(f, 1):
                yield number, line.rstrip()
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: expected UTF-8 text, got something else ({error}).") from None
