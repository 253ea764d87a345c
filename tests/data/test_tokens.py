"""Vocabulary: how texts are cut, what is unknown, and that it comes back from its JSON."""

from __future__ import annotations

import pytest
import torch

from elman.data.tokens import Vocabulary
from elman.errors import ArgumentError, RunError

TEXTS = ["It's a film, a good film!", "a bad film", "a b"]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("words", ["it's", "a", "'s", "film", ",", "can", "n't", "!", "!"]),
        ("whitespace", ["it's", "a", "'s", "film,", "can", "n't", "!!"]),
        ("characters", list("it's a 's film, can n't !!")),
    ],
)
def test_how_texts_are_cut(tokens: str, expected: list[str]) -> None:
    text = "It's a 's film, can n't !!"
    assert Vocabulary.train([text], tokens=tokens).tokens(text) == expected


def test_rare_and_new_tokens_are_unknown() -> None:
    vocabulary = Vocabulary.train(TEXTS, min_frequency=2)
    assert vocabulary.tokens("a good film") == ["a", "<unk>", "film"]
    assert len(vocabulary) == 4  # <pad> <unk> a film


def test_the_most_frequent_are_kept() -> None:
    assert Vocabulary.train(TEXTS, max_size=3).tokens("a film") == ["a", "<unk>"]


def test_a_corpus_with_unknown_words_of_its_own() -> None:
    vocabulary = Vocabulary.train(["a <unk> a b <pad>"] * 2, tokens="whitespace", special=["<end>"])
    assert vocabulary.listing() == ["<pad>", "<unk>", "<end>", "a", "b"]
    assert vocabulary.encode(["b <unk> new a"]).values[:-1].tolist() == [4, 1, 1, 3]


def test_bytes_leave_nothing_unknown() -> None:
    vocabulary = Vocabulary.train(TEXTS, tokens="bpe", max_size=270, lowercase=False)
    assert len(vocabulary) == 270
    numbers = vocabulary.encode(["Ünknown 日"]).values[:-1]
    assert (numbers > 1).all()
    step = vocabulary.decoder()
    assert "".join(step(int(number)) or "" for number in numbers) == "Ünknown 日"


def test_capitals() -> None:
    assert Vocabulary.train(["A a"], lowercase=False).tokens("A a") == ["A", "a"]
    assert Vocabulary.train(["A a"]).tokens("A a") == ["a", "a"]


def test_encoding_keeps_texts_apart() -> None:
    vocabulary = Vocabulary.train(TEXTS)
    encoded = vocabulary.encode(["a b", "", "b new a"])
    assert encoded.lengths.tolist() == [2, 0, 3]
    (a, b), unknown = vocabulary.encode(["a b"]).values[:2].tolist(), 1
    x, _ = encoded.batch(torch.tensor([0, 1, 2]))
    assert x.T.tolist() == [[a, b, 0], [0, 0, 0], [b, unknown, a]]


def test_it_comes_back_from_its_json() -> None:
    vocabulary = Vocabulary.train(TEXTS, min_frequency=1)
    again = Vocabulary.from_json(vocabulary.to_json())
    assert torch.equal(again.encode(TEXTS).values, vocabulary.encode(TEXTS).values)
    assert again.to_json() == vocabulary.to_json()


def test_the_same_texts_give_the_same_vocabulary() -> None:
    assert Vocabulary.train(TEXTS).to_json() == Vocabulary.train(TEXTS).to_json()


def test_a_damaged_vocabulary() -> None:
    with pytest.raises(RunError, match=r"vocabulary.json: expected a vocabulary \(tokenizers JSON\)"):
        Vocabulary.from_json("{}", source="vocabulary.json")


def test_an_unknown_way_to_cut() -> None:
    with pytest.raises(ArgumentError) as error:
        Vocabulary.train(TEXTS, tokens="word")
    assert (
        str(error.value)
        == "tokens: unknown name 'word'. Did you mean 'words'? Valid: bpe, characters, whitespace, words."
    )
