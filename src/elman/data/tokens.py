"""Vocabulary: texts to tokens and back to numbers, by the tokenizers library; saved as its own JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from elman.data.sequences import PAD, Sequences
from elman.errors import RunError, unknown

TOKENS = ("words", "characters", "whitespace", "bpe")
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
        texts: Iterable[str],
        *,
        tokens: str = "words",
        lowercase: bool = True,
        min_frequency: int = 1,
        max_size: int = 50_000,
        normalize: bool = True,
        special: Sequence[str] = (),
    ) -> Vocabulary:
        """The vocabulary of `texts`, which are read once, one after the other.

        tokens: words (and signs, each apart), whitespace (as the text separates them), characters, or bpe:
            pieces of words by byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909), over bytes, so
            that nothing is unknown.
        min_frequency: tokens seen less often become unknown, so that the model learns what to do with those.
        max_size: only so many are kept, the most frequent first; bpe has 256 bytes at the least.
        normalize: take different writings of one character (Unicode's NFC) as one.
        special: further tokens, numbered from 2 on, that are in no text as they are, such as a line's end.
        """
        named = [PAD_TOKEN, UNKNOWN_TOKEN, *special]
        trained: dict[str, Any] = {"vocab_size": max_size, "min_frequency": min_frequency}
        trained |= {"special_tokens": named, "show_progress": False}
        tokenizer = Tokenizer(models.BPE() if tokens == "bpe" else models.WordLevel(unk_token=UNKNOWN_TOKEN))
        steps = [
            *([normalizers.NFC()] if normalize else []),
            *([normalizers.Lowercase()] if lowercase else []),
        ]
        tokenizer.normalizer = normalizers.Sequence(steps)
        tokenizer.pre_tokenizer = _splitter(tokens)
        if tokens == "bpe":
            tokenizer.decoder = decoders.ByteLevel()
            alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
            tokenizer.train_from_iterator(texts, trainers.BpeTrainer(initial_alphabet=alphabet, **trained))
            return cls(tokenizer)
        if tokens == "characters":
            kept = _frequent_characters(texts, tokenizer.normalizer, min_frequency)[: max_size - len(named)]
        else:
            tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(**trained))
            places = tokenizer.get_vocab()
            kept = sorted(places, key=places.__getitem__)
        return cls(_numbered(tokenizer, named, kept))

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
        encoded = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        lengths = np.array([len(ids) for ids in encoded], dtype=np.int64)
        flat = np.fromiter(
            (token for ids in encoded for token in ids), dtype=np.int64, count=int(lengths.sum())
        )
        return Sequences.from_flat(flat, lengths)

    def tokens(self, text: str) -> list[str]:
        """The tokens of one text, those not in the vocabulary as <unk>."""
        return self._tokenizer.encode(text).tokens

    def listing(self) -> list[str]:
        """Every token, by its number."""
        return [self._tokenizer.id_to_token(number) or "" for number in range(len(self))]

    def normalized(self, text: str) -> str:
        """The text as it is looked at: without capitals, where they do not count."""
        normalizer = self._tokenizer.normalizer
        return text if normalizer is None else normalizer.normalize_str(text)

    def pieces(self, text: str) -> list[str]:
        """What one text is cut into, before any of it is looked up."""
        assert self._tokenizer.pre_tokenizer is not None
        return [piece for piece, _ in self._tokenizer.pre_tokenizer.pre_tokenize_str(self.normalized(text))]

    def decoder(self) -> Callable[[int], str | None]:
        """A function from one token of bpe after the other to the text that it completes, if it does."""
        stream = decoders.DecodeStream(skip_special_tokens=False)
        return lambda token: stream.step(self._tokenizer, token)


def _splitter(tokens: str) -> pre_tokenizers.PreTokenizer:
    if tokens == "words":
        return pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True)
    if tokens == "characters":
        return pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    if tokens == "whole":  # each text is one token
        return pre_tokenizers.Split(Regex(r"[\s\S]+"), behavior="isolated")
    if tokens == "whitespace":
        return pre_tokenizers.WhitespaceSplit()
    if tokens == "bpe":
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    raise unknown("tokens", tokens, TOKENS)


def _frequent_characters(
    texts: Iterable[str], normalizer: normalizers.Normalizer, min_frequency: int
) -> list[str]:
    """The characters seen so often, the most frequent first."""
    counts = Counter[str]()
    for one in texts:
        counts.update(normalizer.normalize_str(one))
    kept = [character for character, count in counts.items() if count >= min_frequency]
    return sorted(kept, key=lambda character: (-counts[character], character))


def _numbered(tokenizer: Tokenizer, named: list[str], kept: list[str]) -> Tokenizer:
    """The same tokenizer with the tokens `named` as the first, then those `kept`: a text may hold one of the
    former as a word, such as PTB's <unk>, which the library's trainer would number anew."""
    listed = [*named, *(token for token in kept if token not in named)]
    numbers = {token: number for number, token in enumerate(listed)}
    again = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN_TOKEN))
    again.normalizer, again.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    again.add_special_tokens(named)
    return again
