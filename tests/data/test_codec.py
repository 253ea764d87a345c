"""Codec: text to numbers and back, in one and in several pieces, and what it does not know."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.codec import LINE_END, UNKNOWN, Codec
from elman.data.cutting import Cutting, Passage
from elman.data.texts import text_given

TEXT = "Thou art, café!\n\n  What? 日本\nwhat art\n"


def codec_of(tokens: str, text: str = TEXT, **options: int) -> Codec:
    return Codec(Cutting(tokens=tokens, **options).vocabulary(Passage(text_given(text))), tokens)


@pytest.mark.parametrize("tokens", ["characters", "bpe"])
def test_characters_and_bpe_come_back_as_they_were(tokens: str) -> None:
    codec, text = codec_of(tokens), "What café?\n \n 日本! art"
    assert codec.decode(codec.encode(text)) == text
    assert codec.unknown(text) == []


def test_no_character_is_composed() -> None:
    text = "cafe\u0301"  # e and its accent apart
    assert codec_of("characters", text).decode(codec_of("characters", text).encode(text)) == text


def test_words_keep_their_line_ends() -> None:
    codec = codec_of("words")
    assert codec.decode(codec.encode("what art\nThou,")) == "what art\nThou ,"
    assert codec.encode("\n").tolist() == [LINE_END]
    assert len(codec.encode("")) == 0


@pytest.mark.parametrize("tokens", ["characters", "words", "whitespace", "bpe"])
def test_pieces_that_end_at_line_ends_give_the_same(tokens: str) -> None:
    codec = codec_of(tokens)
    pieces = [codec.encode(line) for line in TEXT.splitlines(keepends=True)]
    assert np.concatenate(pieces).tolist() == codec.encode(TEXT).tolist()


def test_what_is_unknown() -> None:
    assert codec_of("characters").unknown("Thöu, ÿ what ÿ") == ["ö", "ÿ"]
    assert codec_of("words").unknown("what, fool art fool?") == ["fool"]
    assert codec_of("bpe").unknown("ÿ") == []
    assert codec_of("characters").encode("Tÿ\U0001f600")[1:].tolist() == [UNKNOWN, UNKNOWN]


def test_what_a_model_does_not_write() -> None:
    assert codec_of("characters").never_written == (0, UNKNOWN)
    assert codec_of("whitespace").never_written == (0,)
