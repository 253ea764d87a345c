"""Texts and corpora: blocks, damaged files, parts by share and by name."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from elman.data import texts
from elman.data.corpora import read_corpus
from elman.data.cutting import Cutting
from elman.data.texts import text_file, text_given
from elman.errors import ArgumentError, DataError

LINES = [f"line {n} of some length\r\n" for n in range(40)]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "BLOCK", 17)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("packed", [False, True])
def test_blocks_are_the_text_and_end_at_line_ends(tmp_path: Path, packed: bool) -> None:
    content = ("\ufeff" + "".join(LINES) + "ünended 日本").encode()
    path = tmp_path / ("a.txt.gz" if packed else "a.txt")
    path.write_bytes(gzip.compress(content) if packed else content)
    blocks = list(text_file(path).blocks())
    assert "".join(blocks) == "".join(LINES).replace("\r\n", "\n") + "ünended 日本"
    assert len(blocks) > 20
    assert all(block[-1] in "\n " for block in blocks[:-1])


@pytest.mark.usefixtures("small_blocks")
def test_a_byte_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\nthr\xe9e and more\n")
    with pytest.raises(DataError) as error:
        list(text_file(tmp_path / "a.txt").blocks())
    assert str(error.value) == (
        f"{tmp_path}/a.txt: expected UTF-8 text, got the byte 0xe9 in line 3 (byte 11 of the text). "
        "Convert it first, e.g. iconv -f latin1 -t utf-8."
    )


def test_a_packed_file_that_ends_too_soon(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("".join(LINES).encode())[:-20])
    with pytest.raises(DataError, match=r"a\.txt\.gz: could not be read to its end \("):
        list(text_file(tmp_path / "a.txt.gz").blocks())


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("tokens", ["characters", "words"])
def test_shares_of_one_text(tokens: str) -> None:
    text = "".join(LINES).replace("\r", "")
    passages = Cutting(tokens=tokens, valid_share=0.2, test_share=0.1).cut({"train": text_given(text)})
    cut = {part: "".join(passage.blocks()) for part, passage in passages.items()}
    assert cut["train"] + cut["valid"] + cut["test"] == text
    at, end = int(int(len(text) * 0.9) * 0.8), int(len(text) * 0.9)
    if tokens == "characters":
        assert (len(cut["train"]), len(cut["test"])) == (at, len(text) - end)
    else:
        assert cut["train"].endswith("\n")
        assert cut["valid"].endswith("\n")
        assert 0 <= len(cut["train"]) - at < len(LINES[0])


def test_parts_that_are_given_are_not_cut_off(tmp_path: Path) -> None:
    for part in ("train", "dev"):
        (tmp_path / f"{part}.txt").write_text(f"{part} text\n" * 10)
    corpus = read_corpus(str(tmp_path))
    cut = Cutting(valid_share=0.5, test_share=0.1).cut(corpus.parts)
    assert {part: len("".join(passage.blocks())) for part, passage in cut.items()} == {
        "train": 99, "valid": 90, "test": 11,
    }  # fmt: skip
    assert set(Cutting(valid_share=0.0, test_share=0.0).cut({"train": text_given("abc")})) == {"train"}


def test_what_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"data: unknown name 'shakespear'\. Did you mean 'shakespeare'"):
        read_corpus("shakespear")
    (tmp_path / "a.md").touch()
    with pytest.raises(DataError, match=r"expected a file train\.txt .* got a\.md\."):
        read_corpus(str(tmp_path))
    with pytest.raises(DataError, match=r"valid: expected a file, got .*b\.txt', which does not exist"):
        read_corpus("shakespeare", valid=str(tmp_path / "b.txt"))
    with pytest.raises(DataError, match="X: expected text, got none"):
        Cutting().cut({"train": text_given("")})
