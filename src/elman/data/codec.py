"""Codec: running text to numbers and back, for models that write; what is cut off at a line's end is kept.

Characters and bpe give back the text they were given; words come back with one space between them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from elman.data.sequences import PAD
from elman.data.tokens import Vocabulary

UNKNOWN = 1
LINE_END_TOKEN, LINE_END = "<eos>", 2  # of words, which lose their line ends otherwise


class Codec:
    """A vocabulary with the rules of running text.

    tokens: what the vocabulary's tokens are, one of `elman.data.tokens.TOKENS`.
    """

    def __init__(self, vocabulary: Vocabulary, tokens: str) -> None:
        self.vocabulary, self.kind = vocabulary, tokens
        self.listing = vocabulary.listing()
        self._table = _character_table(self.listing) if tokens == "characters" else None

    def __len__(self) -> int:
        return len(self.listing)

    @property
    def never_written(self) -> tuple[int, ...]:
        """Tokens that a model does not write: padding, and what stands for an unknown character."""
        return (PAD,) if self.kind in ("words", "whitespace") else (PAD, UNKNOWN)

    def encode(self, text: str) -> np.ndarray:
        """The numbers (N,) int64 of a text's tokens, each line's end among them.

        Texts that are cut at line ends give the same numbers in one and in several calls.
        """
        if self._table is not None:
            codes = _code_points(self.vocabulary.normalized(text))
            return self._table[np.minimum(codes, len(self._table) - 1)]
        if self.kind == "bpe":
            return self.vocabulary.encode(text.splitlines(keepends=True)).values[:-1].numpy()
        lines = text.split("\n")
        coded = self.vocabulary.encode(lines)
        ends = np.cumsum(coded.lengths.numpy())[:-1]
        return np.insert(coded.values[:-1].numpy(), ends, LINE_END)

    def unknown(self, text: str) -> list[str]:
        """The distinct characters or words of a text that are not in the vocabulary, in their order."""
        if self.kind == "bpe":
            return []
        known, text = set(self.listing), self.vocabulary.normalized(text)
        parts = text if self.kind == "characters" else self.vocabulary.pieces(text)
        return [part for part in dict.fromkeys(parts) if part not in known]

    def decoder(self) -> Callable[[int], str]:
        """A function from one token after the other to the text that it adds; empty where a piece of bpe is
        but a part of a character."""
        if self.kind == "characters":
            return self.listing.__getitem__
        if self.kind == "bpe":
            step = self.vocabulary.decoder()
            return lambda token: step(token) or ""
        return _Words(self.listing)

    def decode(self, tokens: np.ndarray | list[int]) -> str:
        """The text of tokens."""
        step = self.decoder()
        return "".join(step(int(token)) for token in tokens)


class _Words:
    """Words with a space between them, and lines."""

    def __init__(self, listing: list[str]) -> None:
        self.listing, self.begins = listing, True

    def __call__(self, token: int) -> str:
        if token == LINE_END:
            self.begins = True
            return "\n"
        space, self.begins = "" if self.begins else " ", False
        return space + self.listing[token]


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _character_table(listing: list[str]) -> np.ndarray:
    """The number of each character, by its code point; its last entry is for all characters beyond."""
    pairs = [(ord(token), number) for number, token in enumerate(listing) if len(token) == 1]
    table = np.full(max((code for code, _ in pairs), default=0) + 2, UNKNOWN, dtype=np.int64)
    for code, number in pairs:
        table[code] = number
    return table
