"""The defaults of these tasks, chosen from the data: its size, its lengths, its kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from elman.data import Examples, Sequences, Splits
from elman.data.word_vectors import vector_size
from elman.errors import wrong
from elman.tasks.pooled.options import PooledOptions
from elman.train.optimizers import LEARNING_RATES

SMALL = 10_000  # training examples below which the defaults guard against overfitting
#: options that say something of one kind of sequences alone
FOR_TEXTS = ("tokens", "embedding_size", "word_vectors")
FOR_NUMBERS = ("standardize", "time_mask", "frequency_mask", "offset_noise")
LONG = 400  # words to which longer texts are cut


def chosen_options(options: PooledOptions, splits: Splits[Examples]) -> dict[str, Any]:
    """By name, what an option is to be where it was left open.

    Raises `ArgumentError` for an embedding size that the word vectors do not have, `DataError` for a file
    that holds none.
    """
    texts = not isinstance(splits.train.inputs, Sequences)
    _check_kind(options, texts=texts)
    chosen = _training(options, len(splits.train), texts=texts)
    if isinstance(splits.train.inputs, Sequences):
        return {**chosen, "standardize": not splits.scaled}
    words = [len(text.split()) for text in splits.train.inputs]
    cut = options.tokens or ("characters" if sum(words) < 1.5 * len(words) else "words")
    long = cut != "characters" and max(words) > LONG
    if cut != "characters":  # words are soon learned by heart
        chosen["epochs"] = _epochs(len(words), chosen["batch_size"], 700, least=3)
    return {
        **chosen,
        "tokens": cut,
        "max_steps": LONG if long and options.bptt is None else None,
        "embedding_size": _embedding_size(options),
    }


def _check_kind(options: PooledOptions, *, texts: bool) -> None:
    """Raise `ArgumentError` for an option that would do nothing for sequences of this kind."""
    these, others = ("texts", "numbers") if texts else ("numbers", "texts")
    usual = PooledOptions()
    for name in FOR_NUMBERS if texts else FOR_TEXTS:
        if getattr(options, name) != getattr(usual, name):
            raise wrong(
                name,
                expected=f"{getattr(usual, name)!r} for {these}, as it is about {others}",
                got=getattr(options, name),
                remedy="Leave it out.",
            )


def _training(options: PooledOptions, count: int, *, texts: bool) -> dict[str, Any]:
    """For so many training examples."""
    small = count < SMALL
    plain = options.cell == "rnn"  # without gates it needs more and smaller steps, and underfits sooner
    batch_size = options.batch_size or (32 if count < 16_000 or plain else 64)
    return {
        "batch_size": batch_size,
        "epochs": _epochs(count, batch_size, 2_000, least=8),
        "learning_rate": LEARNING_RATES[options.optimizer] * (0.5 if plain else 1.0),
        "dropout": 0.5 if texts else 0.0 if plain and not small else 0.3,
        "bidirectional": (texts or small) and options.bptt is None,
        "pooling": "max",  # ahead of the last state on texts, images, recordings and motions alike
    }


def _epochs(count: int, batch_size: int, steps: int, least: int) -> int:
    """Epochs that give about so many steps, within `least` and 40."""
    return min(max(round(steps / math.ceil(count / batch_size)), least), 40)


def _embedding_size(options: PooledOptions) -> int:
    if options.word_vectors is None:
        return 128
    size = vector_size(Path(options.word_vectors))
    if options.embedding_size not in (None, size):
        raise wrong(
            "embedding_size",
            expected=f"{size}, as the word vectors have",
            got=options.embedding_size,
            remedy="Leave it out.",
        )
    return size
