"""Vocabulary: texts to tokens and back to numbers, by the tokenizers library; saved as its own JSON."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from elman.data.sequences import PAD, Sequences
from elman.errors import RunError, unknown

TOKENS = ("words", "characters", "whitespace")
PAD_TOKEN, UNKNOWN_TOKEN = "<pad>", "<unk>"
# words with the apostrophes in and before them (it's, n't, 's), or one sign at a time
_WORD = r"'?\w+(?:['’]\w+)*|[^\w\s]"


class Vocabulary:
    """The tokens that a model knows. Number 0 is padding, 1 stands for every token that is not in it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    @classmethod
    def train(
        cls,
        texts: Sequence[str],
        *,
        tokens: str = "words",
        lowercase: bool = True,
        min_frequency: int = 1,
        max_size: int = 50_000,
    ) -> Vocabulary:
        """The vocabulary of `texts`.

        tokens: words (and signs, each apart), whitespace (as the text separates them), or characters.
        min_frequency: tokens seen less often become unknown, so that the model learns what to do with those.
        max_size: only so many are kept, the most frequent first.
        """
        tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN_TOKEN))
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFC(), *([normalizers.Lowercase()] if lowercase else [])]
        )
        tokenizer.pre_tokenizer = _splitter(tokens)
        trainer = trainers.WordLevelTrainer(
            vocab_size=max_size,
            min_frequency=min_frequency,
            special_tokens=[PAD_TOKEN, UNKNOWN_TOKEN],
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer, length=len(texts))
        return cls(tokenizer)

    @classmethod
    def from_json(cls, text: str, *, source: str = "vocabulary") -> Vocabulary:
        """Read what `to_json` gave; raises `RunError` naming `source` if it is none."""
        try:
            vocabulary = cls(Tokenizer.from_str(text))
        except Exception as error:
            raise RunError(
                f"{source}: expected a vocabulary (tokenizers JSON), got a damaged one ({error})."
            ) from None
        if vocabulary._tokenizer.token_to_id(PAD_TOKEN) != PAD:
            raise RunError(f"{source}: expected {PAD_TOKEN} as token {PAD}.")
        return vocabulary

    def to_json(self) -> str:
        """The vocabulary as JSON of the tokenizers library."""
        return self._tokenizer.to_str(pretty=True)

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> Sequences:
        """Texts as sequences of tokens; an empty text has none."""
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        lengths = np.array([len(ids) for ids in encoded], dtype=np.int64)
        flat = np.fromiter(
            (token for ids in encoded for token in ids), dtype=np.int64, count=int(lengths.sum())
        )
        return Sequences.from_flat(flat, lengths)

    def tokens(self, text: str) -> list[str]:
        """The tokens of one text, those not in the vocabulary as <unk>."""
        return self._tokenizer.encode(text).tokens


def _splitter(tokens: str) -> pre_tokenizers.PreTokenizer:
    if tokens == "words":
        return pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True)
    if tokens == "characters":
        return pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    if tokens == "whitespace":
        return pre_tokenizers.WhitespaceSplit()
    raise unknown("tokens", tokens, TOKENS)
