"""Cutting: how running text becomes numbers: into which tokens, and which part of it is for what.

Texts are read in blocks, three times at most: counted, their tokens learned, cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from elman.data.codec import LINE_END_TOKEN, UNKNOWN, Codec
from elman.data.texts import Text
from elman.data.tokens import Vocabulary
from elman.errors import DataError


@dataclass(frozen=True)
class Cutting:
    """tokens, lowercase, min_frequency, max_size: as of `Vocabulary.train`.

    valid_share, test_share: of the training text (its end) where no text for them is given.
    """

    tokens: str = "characters"
    lowercase: bool = False
    min_frequency: int = 1
    max_size: int = 50_000
    valid_share: float = 0.1
    test_share: float = 0.1

    def cut(self, texts: Mapping[str, Text]) -> dict[str, Passage]:
        """The passages of train, valid and test; raises `DataError` for a text without characters."""
        for text in texts.values():
            if not any(text.blocks()):
                raise DataError(f"{text.name}: expected text, got none.")
        whole = texts["train"]
        size = sum(len(block) for block in whole.blocks())
        exact, end = self.tokens == "characters", size
        passages: dict[str, Passage] = {}
        for part, share in (("test", self.test_share), ("valid", self.valid_share)):
            if part in texts:
                passages[part] = Passage(texts[part], 0, None, exact)
            elif int(end * share):
                start = int(end * (1.0 - share))
                passages[part] = Passage(whole, start, end, exact)
                end = start
        train = Passage(whole, 0, end if end < size else None, exact)
        return {"train": train, **{part: passages[part] for part in ("valid", "test") if part in passages}}

    def vocabulary(self, train: Passage) -> Vocabulary:
        """The tokens of the training passage."""
        lines = self.tokens in ("words", "whitespace")
        return Vocabulary.train(
            train.blocks(),
            tokens=self.tokens,
            lowercase=self.lowercase,
            min_frequency=self.min_frequency,
            max_size=self.max_size,
            normalize=lines,
            special=[LINE_END_TOKEN] if lines else [],
        )


@dataclass(frozen=True)
class Passage:
    """The characters from `start` to `stop` (None: its end) of a text; unless `exact`, both are moved on to
    the next line's start."""

    text: Text
    start: int = 0
    stop: int | None = None
    exact: bool = True

    def __len__(self) -> int:
        """How many characters; the text is read for it."""
        return sum(len(block) for block in self.blocks())

    def blocks(self) -> Iterator[str]:
        """The passage in pieces, as `Text.blocks`."""
        done, start, stop = 0, self.start, self.stop
        for block in self.text.blocks():
            begin, done = done, done + len(block)
            if done <= start:
                continue
            first = _place(block, start - begin, self.exact) if start > begin else 0
            last = None if stop is None or stop > done else _place(block, stop - begin, self.exact)
            if block[first:last]:
                yield block[first:last]
            if last is not None:
                return


def _place(block: str, place: int, exact: bool) -> int:
    """`place` itself, or the start of the line after it."""
    if exact or place == 0 or block[place - 1] == "\n":
        return place
    return (block.find("\n", place) + 1) or len(block)


@dataclass(frozen=True)
class Tokens:
    """Running text as numbers.

    values: (N,) whole numbers, maybe a file that is mapped into memory. characters: of the text.
    unknown: how many tokens are not in the vocabulary. source: what messages call it. codec: what they mean.
    """

    values: np.ndarray
    characters: int
    unknown: int
    source: str
    codec: Codec

    def __len__(self) -> int:
        return len(self.values)


def coded_blocks(passage: Passage, codec: Codec) -> Iterator[tuple[np.ndarray, int]]:
    """(numbers, characters) of each block of a passage."""
    for block in passage.blocks():
        yield codec.encode(block), len(block)


def smallest_type(tokens: int) -> np.dtype:
    """The smallest unsigned type that holds so many different tokens."""
    return np.min_scalar_type(max(tokens - 1, 0)).newbyteorder("<")


def in_memory(passage: Passage, codec: Codec) -> Tokens:
    """A passage's tokens in an array."""
    kind, coded = smallest_type(len(codec)), list(coded_blocks(passage, codec))
    values = np.concatenate([numbers.astype(kind) for numbers, _ in coded] or [np.zeros(0, kind)])
    unknown = int(np.count_nonzero(values == UNKNOWN))
    return Tokens(values, sum(count for _, count in coded), unknown, passage.text.name, codec)
