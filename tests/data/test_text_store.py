"""Texts that are kept in stores are those of the file, whatever the size of the pieces it is read in."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from elman.data import Vocabulary, table_files, text_store
from elman.data.columns import Columns
from elman.data.shorten import shorten
from elman.data.tables import read_table
from elman.data.text_store import StoredTexts
from elman.data.text_tokens import KEPT, tokens_of
from elman.errors import DataError

TEXTS = ["a fine film", "", 'said "no", then\nleft', "schön und gut", "dull; and long", "a waste\tof time"]
LABELS = ["good", "bad", "bad", "good", "bad", "bad"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))


def write(path: Path, times: int = 1) -> Path:
    frame = pl.DataFrame({"text": TEXTS * times, "label": LABELS * times})
    if path.name.endswith(".parquet"):
        frame.write_parquet(path)
    elif path.name.endswith(".jsonl"):
        frame.write_ndjson(path)
    else:
        content = frame.write_csv().encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def stored(path: Path, columns: Columns | None = None) -> StoredTexts:
    texts = read_table(path, columns or Columns())[0].inputs
    assert isinstance(texts, StoredTexts)
    return texts


@pytest.mark.parametrize("piece", [7, 60, 1 << 20])
@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.jsonl", "data.parquet"])
def test_the_pieces_make_the_file(
    name: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "PIECE", piece)
    monkeypatch.setattr(table_files, "ROWS", max(piece // 10, 1))
    monkeypatch.setattr(text_store, "BLOCK", piece)
    examples, note, taken = read_table(write(tmp_path / name, 3), Columns())
    assert list(examples.inputs) == TEXTS * 3  # type: ignore[arg-type]
    assert examples.labels is not None
    assert examples.labels.tolist() == LABELS * 3
    assert (taken.text, taken.label) == ("text", "label")
    assert note.startswith(f"{name}: text from column 'text' (by its name), labels from column 'label'")


@pytest.mark.parametrize("piece", [20, 1 << 20])
def test_columns_are_found_over_all_pieces(
    piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rows alone have one label only, and their numbers are the longer cells."""
    monkeypatch.setattr(table_files, "PIECE", piece)
    path = tmp_path / "data.csv"
    rows = [
        *(f"short,123456789{k},7" for k in range(10)),
        *(f"far longer than that {k},1,8" for k in range(10)),
    ]
    path.write_text("\n".join(rows) + "\n")
    examples, note, _ = read_table(path, Columns())
    assert "text from column 'column_1' (the longest texts)" in note
    assert "labels from column 'column_3' (the fewest different values), no header" in note
    assert examples.labels is not None
    assert examples.labels.tolist() == [7] * 10 + [8] * 10


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("data.csv", b"b,c,0\n", "expected 2 columns in every row, as in row 1, got 3 in row 42."),
        ("data.csv", b"b,\n", "expected a label in every row, got an empty one in row 42 (column 'label')."),
        ("data.csv", b"caf\xe9,0\n", "got the byte 0xe9 in line 42 (byte 174 of the file)."),
        ("data.jsonl", b'{"text": b}\n', "got a mistake in line 41 (Expecting value)."),
        ("data.jsonl", b"[1]\n", "expected one JSON object a line, got list in line 41."),
    ],
)
def test_messages_name_the_row_of_the_file(
    name: str, line: bytes, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "PIECE", 64)
    path = tmp_path / name
    good = b"a,1\n" * 40 if name == "data.csv" else b'{"text": "a", "label": 1}\n' * 40
    path.write_bytes((b"text,label\n" if name == "data.csv" else b"") + good + line)
    with pytest.raises(DataError) as error:
        read_table(path, Columns(header="yes"))
    assert expected in str(error.value)
    assert not list((tmp_path / "cache").rglob("store.json"))


def test_json_lines_have_one_type_over_all_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "a", "label": 1}\n' * 9 + '{"text": "b", "label": 1.5}\n')
    whole = read_table(path, Columns())[0].labels
    os.utime(path, (1, 1))
    monkeypatch.setattr(table_files, "PIECE", 40)
    pieces = read_table(path, Columns())[0].labels
    assert whole is not None
    assert pieces is not None
    assert pieces.tolist() == whole.tolist() == ["1.0"] * 9 + ["1.5"]


def test_a_store_is_read_again_until_its_source_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "data.csv")
    first = stored(path)
    made = (first.where / "store.json").stat().st_mtime_ns
    assert stored(path) == TEXTS
    assert (first.where / "store.json").stat().st_mtime_ns == made
    tokens_of(first, Vocabulary.train(first))
    assert len(list(first.where.glob("tokens-*"))) == 1
    write(path, 2)
    assert stored(path) == TEXTS * 2
    assert not list(first.where.glob("tokens-*"))
    assert first == TEXTS  # what was mapped stays as it was
    (first.where / "texts.utf8").write_bytes(b"cut")
    assert stored(path) == TEXTS * 2


def test_other_columns_have_another_store(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("one,two,label\na,b,1\nc,d,0\n")
    assert stored(path, Columns("one")) == ["a", "c"]
    assert stored(path, Columns("two")) == ["b", "d"]


def test_texts_are_a_sequence(tmp_path: Path) -> None:
    texts = stored(write(tmp_path / "data.csv"))
    some = texts.select(np.array([4, 2, 3]))
    assert list(some) == [TEXTS[4], TEXTS[2], TEXTS[3]]
    assert list(some.select(np.array([2, 0]))) == [TEXTS[3], TEXTS[4]]
    assert (texts[3], texts[-1], some[1]) == (TEXTS[3], TEXTS[-1], TEXTS[2])
    assert texts[1:4] == TEXTS[1:4]
    assert texts != TEXTS[:-1]
    assert (texts.size, some.size) == tuple(len("".join(s).encode()) for s in (TEXTS, list(some)))
    with pytest.raises(IndexError):
        texts[6]


@pytest.mark.parametrize(("steps", "keep"), [(None, "ends"), (3, "ends"), (2, "last"), (1, "first")])
@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_tokens_are_those_of_texts_in_memory(
    tokens: str, steps: int | None, keep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_store, "BLOCK", 30)
    texts = stored(write(tmp_path / "data.csv", 2))
    vocabulary = Vocabulary.train(texts, tokens=tokens)
    assert vocabulary.to_json() == Vocabulary.train(TEXTS * 2, tokens=tokens).to_json()
    rows = np.array([5, 0, 1, 9, 3])
    plain = vocabulary.encode([(TEXTS * 2)[row] for row in rows])
    plain = plain if steps is None else shorten(plain, steps, keep)
    for _ in range(2):  # made, then read
        kept = tokens_of(texts.select(rows), vocabulary, steps=steps, keep=keep)
        every = np.arange(len(rows))
        assert kept.lengths.tolist() == plain.lengths.tolist()
        assert (kept.batch(every)[0] == plain.batch(every)[0]).all()  # type: ignore[arg-type]
        assert kept.batch(every)[0].dtype == plain.batch(every)[0].dtype  # type: ignore[arg-type]


def test_only_some_vocabularies_are_kept(tmp_path: Path) -> None:
    texts = stored(write(tmp_path / "data.csv"))
    for steps in range(1, KEPT + 4):
        tokens_of(texts, Vocabulary.train(texts), steps=steps)
    assert len(list(texts.where.glob("tokens-*"))) == KEPT


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="ELMAN_CACHE names another folder for such files"):
        stored(write(tmp_path / "data.csv"))
