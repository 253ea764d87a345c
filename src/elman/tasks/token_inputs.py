"""Tokens as a network reads them: each word by an embedding and, beside it, by its characters.

Dimensions: T steps, B sequences, N sequences in all, V different tokens in all, U different tokens of a
batch, C characters of one token, F features.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from elman.data import Sequences, Vocabulary
from elman.data.sequences import PAD
from elman.data.steps import StepTokens
from elman.errors import DataError
from elman.nn import LSTM
from elman.tasks.embedding import embedding

CHARACTER_SIZE = 32  # features of a character's embedding
UNKNOWN = 1  # the number of every word that is not in the vocabulary


class TokenBatch(NamedTuple):
    """The tokens of a batch; the different ones among them are looked at once.

    place: (T, B) int64, which of the different tokens stands at each step.
    words: (U,) int64. characters: (C, U) int64, zeros past a length. lengths: (U,) int64.
    """

    place: Tensor
    words: Tensor
    characters: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class Tokens:
    """N sequences of tokens, every different token encoded once.

    sequences: which of the V different tokens stands at each step. words: (V,) int64.
    """

    sequences: Sequences
    words: Tensor
    characters: Sequences

    def __len__(self) -> int:
        return len(self.sequences)

    @property
    def lengths(self) -> Tensor:
        """(N,) int64."""
        return self.sequences.lengths

    def to(self, device: torch.device) -> Tokens:
        """The same on another device."""
        return Tokens(self.sequences.to(device), self.words.to(device), self.characters.to(device))

    def batch(
        self, rows: Tensor, start: int = 0, most: int | None = None
    ) -> tuple[TokenBatch, Tensor | None]:
        """As of `Sequences`: those at `rows` (B,), with lengths (B,) or None if all have T steps."""
        numbers, lengths = self.sequences.batch(rows, start, most)
        different, place = numbers.unique(return_inverse=True)
        order = self.characters.lengths[different].argsort(descending=True)  # the layer reads these faster
        different, place = different[order], order.argsort()[place]
        characters, _ = self.characters.batch(different)
        spelled = self.characters.lengths[different]
        return TokenBatch(place, self.words[different], characters, spelled), lengths


@dataclass(frozen=True)
class TokenInputs:
    """Tokens as words, `size` features each, and as characters, `character_size` features each direction.

    characters: None where only the words are read.
    chances: (words,) that a word counts as unknown when it is looked at in training; None but for training.
    """

    words: Vocabulary
    characters: Vocabulary | None
    size: int
    character_size: int
    chances: Tensor | None = None

    @classmethod
    def train(
        cls,
        tokens: StepTokens,
        *,
        lowercase: bool,
        min_frequency: int,
        max_vocabulary: int,
        size: int,
        character_size: int,
        word_dropout: float,
    ) -> TokenInputs:
        """The inputs for these sequences of tokens; capital letters always count among the characters.

        word_dropout: a word seen n times counts as unknown with the chance word_dropout / (word_dropout + n),
            Kiperwasser and Goldberg 2016 (arXiv:1603.04351), section 4.
        """
        words = Vocabulary.train(
            tokens.flat(),
            tokens="whole",
            lowercase=lowercase,
            min_frequency=min_frequency,
            max_size=max_vocabulary,
        )
        characters = None
        if character_size:
            characters = Vocabulary.train(tokens.flat(), tokens="characters", lowercase=False)
        seen = torch.from_numpy(tokens.counts(len(tokens.values)))
        numbers = words.encode(tokens.values).values[:-1]
        counts = torch.zeros(len(words), dtype=torch.int64).index_add_(0, numbers, seen)
        chances = word_dropout / (word_dropout + counts.clamp(min=1)) if word_dropout else None
        return cls(words, characters, size, character_size, chances)

    def encode(self, inputs: Sequences | StepTokens, source: str) -> Tokens:
        """Raises `DataError` for numbers."""
        if isinstance(inputs, Sequences):
            raise DataError(f"{source}: expected tokens, as in training, got sequences of numbers.")
        numbers, different = inputs.in_order()
        words = self.words.encode(different).values[:-1]
        characters = Sequences.from_flat(np.zeros(0, np.int64), np.zeros(len(different) + 1, np.int64))
        if self.characters is not None:
            characters = self.characters.encode(["", *different])  # nothing stands past a length
        lengths = torch.from_numpy(np.array(inputs.lengths))
        return Tokens(
            Sequences(torch.from_numpy(numbers), lengths.cumsum(0) - lengths, lengths),
            torch.cat([words.new_zeros(1), words]),
            characters,
        )

    def layer(self) -> tuple[nn.Module, int]:
        characters = len(self.characters) if self.characters else 0
        layer = TokenLayer(len(self.words), self.size, characters, self.character_size, self.chances)
        return layer, layer.features

    def about(self) -> dict[str, Any]:
        return {"kind": "tokens", "size": self.size, "character_size": self.character_size}

    def to_json(self) -> str:
        """Both vocabularies as one JSON text."""
        held = {"words": json.loads(self.words.to_json())}
        if self.characters is not None:
            held["characters"] = json.loads(self.characters.to_json())
        return json.dumps(held, ensure_ascii=False, indent=1)

    @classmethod
    def saved(cls, about: Mapping[str, Any], vocabulary: str) -> TokenInputs:
        """What `about` and `to_json` gave."""
        held = {name: Vocabulary.from_json(json.dumps(text)) for name, text in json.loads(vocabulary).items()}
        return cls(held["words"], held.get("characters"), about["size"], about["character_size"])


class TokenLayer(nn.Module):
    """The embedding of each word beside the last states of an LSTM that reads its characters both ways, as
    Ling et al. 2015 (arXiv:1508.02096) do."""

    chances: Tensor | None

    def __init__(
        self, words: int, size: int, characters: int, character_size: int, chances: Tensor | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("chances", chances, persistent=False)
        self.words = embedding(words, size)
        self.features = size + (2 * character_size if characters else 0)
        self.characters = self.spelling = None
        if characters:
            self.characters = embedding(characters, CHARACTER_SIZE)
            self.spelling = LSTM(CHARACTER_SIZE, character_size, bidirectional=True)

    def forward(self, x: TokenBatch) -> Tensor:
        """To (T, B, F)."""
        words = x.words
        if self.training and self.chances is not None:
            dropped = torch.rand(len(words), device=words.device) < self.chances[words]
            words = words.masked_fill(dropped & (words != PAD), UNKNOWN)
        read = self.words(words)
        if self.characters is not None and self.spelling is not None:
            _, (ends, _) = self.spelling(self.characters(x.characters), lengths=x.lengths)
            read = torch.cat([read, ends[0].to(read.dtype), ends[1].to(read.dtype)], dim=1)
        return read[x.place]
