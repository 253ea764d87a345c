"""The options of generate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from elman.data.tokens import TOKENS
from elman.train.options import TrainOptions, choice, flag, real, text, whole


@dataclass(frozen=True, kw_only=True)
class GenerateOptions(TrainOptions):
    """The options of generate."""

    hidden_size: Annotated[int, tyro.conf.arg(aliases=["--hidden"])] = whole(512, low=1, unit="units")
    """Units of each layer."""
    tokens: str | None = choice(None, TOKENS)
    """What a text is cut into. Unless given: characters, but what a named data set is known for."""
    lowercase: bool = flag(False)
    """Take capital letters as small ones."""
    min_frequency: int = whole(1, low=1, unit="times")
    """Tokens seen less often in the training data count as unknown."""
    max_vocabulary: int | None = whole(None, low=260, unit="tokens", optional=True)
    """Only so many tokens are kept, the most frequent first. Unless given: 50,000, for bpe 4,000."""
    embedding_size: int | None = whole(None, low=1, unit="features", optional=True)
    """Features of a token's embedding. Chosen unless given."""
    tied: bool | None = flag(None)
    """Give the output the embedding's weights. Unless given: for words and bpe with the full softmax."""
    softmax: str | None = choice(None, ("full", "adaptive"))
    """adaptive puts rare tokens into clusters, which is many times faster. Chosen unless given."""
    embedding_dropout: float = real(0.0, below=1.0)
    """Share of the words left out in training, wherever they stand in a window."""
    activation_penalty: float = real(0.0)
    """Weight of the mean square of the last layer's outputs (AR of AWD-LSTM)."""
    change_penalty: float = real(0.0)
    """Weight of the mean square of their change from step to step (TAR of AWD-LSTM)."""
    store: str | None = text(python=False)
    """The folder for the tokens, to be made or used again; a folder in the cache unless given."""
