"""Token stores: cut once, mapped from then on, and never taken for what they are not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from elman.data import store as stores
from elman.data.corpora import read_corpus
from elman.data.cutting import Cutting, Passage, in_memory
from elman.data.store import open_store, stored
from elman.data.texts import text_file
from elman.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tokens"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("so shaken as we are, so wan with care,\nfind we a time\n" * 30)
    return path


@pytest.mark.parametrize("tokens", ["characters", "words", "whitespace", "bpe"])
def test_what_is_stored_is_the_text(text: Path, tokens: str) -> None:
    texts, cutting = {"train": text_file(text)}, Cutting(tokens=tokens, max_size=300)
    store = stored(texts, cutting)
    passages = cutting.cut(texts)
    assert {"train", "valid", "test"} == store.parts.keys() == passages.keys()
    for part, tokens_ in store.parts.items():
        again = in_memory(passages[part], store.codec)
        assert isinstance(tokens_.values, np.memmap)
        assert tokens_.values.tolist() == again.values.tolist()
        assert (tokens_.characters, tokens_.unknown) == (again.characters, again.unknown)
    assert store.parts["train"].values.dtype == (np.uint16 if tokens == "bpe" else np.uint8)


def test_it_is_cut_once(text: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stored({"train": text_file(text)}, Cutting())
    monkeypatch.setattr(stores, "_write", None)
    again = stored({"train": text_file(text)}, Cutting())
    assert again.fingerprint == first.fingerprint
    assert [path.name for path in cache.iterdir()] == [Path(first.where).name]
    os.utime(text, ns=(1, 1))  # touched, but the same
    assert stored({"train": text_file(text)}, Cutting()).where == first.where


def test_in_the_cache_a_changed_text_is_cut_anew(text: Path, cache: Path) -> None:
    first = stored({"train": text_file(text)}, Cutting())
    text.write_text(text.read_text() + "more\n")
    again = stored({"train": text_file(text)}, Cutting())
    assert again.where == first.where
    assert again.fingerprint != first.fingerprint
    assert len(list(cache.iterdir())) == 1
    assert stored({"train": text_file(text)}, Cutting(tokens="words")).where != first.where


def test_a_named_store_whose_source_has_changed(text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my.store"
    stored({"train": text_file(text)}, Cutting(), folder)
    assert len(open_store(folder).parts["train"])
    text.write_text(text.read_text().replace("time", "pace"))
    for open_it in (
        lambda: open_store(folder),
        lambda: stored({"train": text_file(text)}, Cutting(), folder),
    ):
        with pytest.raises(DataError) as error:
            open_it()
        assert str(error.value) == (
            f"store: '{folder}' was made from {text}, which has changed since. "
            "Delete the folder to make it anew, or name another by --store."
        )
    text.unlink()
    assert len(open_store(folder).parts["train"])  # it stands for itself


def test_a_named_store_of_something_else(text: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "my.store", tmp_path / "other.txt"
    other.write_text("other")
    stored({"train": text_file(text)}, Cutting(), folder)
    with pytest.raises(DataError, match=r"was cut with tokens 'characters', not 'words'\. Delete the folder"):
        stored({"train": text_file(text)}, Cutting(tokens="words"), folder)
    with pytest.raises(DataError, match=rf"was made from {text}, not from {other}\. Delete"):
        stored({"train": text_file(other)}, Cutting(), folder)
    with pytest.raises(DataError, match="has no part valid, the data given has one"):
        stored({"train": text_file(text), "valid": text_file(other)}, Cutting(), folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(DataError, match="expected a new folder or a store of tokens"):
        stored({"train": text_file(text)}, Cutting(), tmp_path / "full")


def test_a_store_half_written_is_not_one(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my.store"
    write = stores._write_part
    monkeypatch.setattr(stores, "_write_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stored({"train": text_file(text)}, Cutting(), folder)
    monkeypatch.setattr(stores, "_write_part", write)
    assert not folder.exists()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
    stored({"train": text_file(text)}, Cutting(), folder)
    with open(folder / "train.tokens", "ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match=r"train\.tokens: expected [\d,]+ tokens of 1 bytes, got"):
        open_store(folder)
    (folder / "manifest.json").write_text(json.dumps({"format": "elman tokens 1"}))
    with pytest.raises(DataError, match="expected a store of tokens, got a damaged one"):
        open_store(folder)


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_parts_with_texts_of_their_own(tmp_path: Path, text: Path) -> None:
    (tmp_path / "valid.txt").write_text("as we are find ÿ\n")
    store = stored(read_corpus(str(text), valid=str(tmp_path / "valid.txt")).parts, Cutting())
    assert store.parts["valid"].unknown == 1
    assert store.codec.decode(store.parts["valid"].values[:4]) == "as w"


def test_a_passage_knows_its_text(text: Path) -> None:
    assert "".join(Passage(text_file(text), 3, 9).blocks()) == "shaken"


@pytest.mark.data
def test_penn_treebank_has_its_counts() -> None:
    store = stored(read_corpus("ptb").parts, Cutting(tokens="whitespace"))
    assert [len(part) for part in store.parts.values()] == [929_589, 73_760, 82_430]
    assert len(store.codec) == 10_001  # and padding
    assert store.parts["test"].unknown == 4_794
