"""Tokens and labels that are kept in stores are those of the file, whatever the size of the pieces."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from elman.data import conll, placing, steps, table_files
from elman.data.conll import is_token_file, read_tokens
from elman.data.steps import Steps, StepTokens
from elman.data.tagged import StepColumns, Tagged
from elman.data.tagged_lists import read_lists
from elman.errors import DataError

SENTENCES = [["EU", "rejects", "German", "call"], ["-"], ["Peter", "Blackburn"], ["EU", "a", "EU"]]
LABELS = [["ORG", "O", "MISC", "O"], ["O"], ["PER", "PER"], ["ORG", "O", "ORG"]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))


def write(path: Path, times: int = 1) -> Path:
    pairs = [list(zip(*both, strict=True)) for both in zip(SENTENCES, LABELS, strict=True)] * times
    blank = "\n" * 9  # more of them than a small piece holds
    path.write_text(blank.join("".join(f"{token}\t{label}\n" for token, label in pair) for pair in pairs))
    return path


def read(path: Path) -> Tagged:
    if path.suffix == ".jsonl":
        return read_lists(path, StepColumns())[0]
    return read_tokens(path, StepColumns(header="no"))[0]


def folders(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "steps").iterdir())


@pytest.mark.parametrize("piece", [1, 9, 1 << 20])
def test_the_pieces_make_the_file(piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "PIECE", piece)
    monkeypatch.setattr(conll, "ROWS", max(piece // 4, 1))
    path = write(tmp_path / "data.tsv", 3)
    assert is_token_file(path)
    data = read(path)
    assert isinstance(data.inputs, StepTokens)
    assert list(data.inputs) == SENTENCES * 3
    assert isinstance(data.labels, Steps)
    assert [row.tolist() for row in data.labels] == LABELS * 3
    content = path.read_text().split("\n")
    assert data.lines is not None
    for sequence, lines in enumerate(data.lines):
        at = [content[int(line) - 1].split("\t")[0] for line in lines]
        assert at == data.inputs[sequence]


def test_separators_of_documents_at_the_edge_of_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.conll"
    path.write_text("-DOCSTART- O\n\na X\nb Y\n\n-DOCSTART- O\n\nc X\n-DOCSTART- Y\n")
    monkeypatch.setattr(conll, "ROWS", 1)
    assert list(read(path).inputs) == [["a", "b"], ["c", "-DOCSTART-"]]  # type: ignore[arg-type]


def test_a_table_is_no_token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "PIECE", 6)
    path = tmp_path / "data.tsv"
    path.write_text("\n\n" + "a\t1\n" * 20 + "\n\n\n \n")
    assert not is_token_file(path)
    path.write_text(path.read_text() + "b\t1\n")
    assert is_token_file(path)


def test_steps_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "data.tsv")
    read(path)
    before = folders(tmp_path)
    monkeypatch.setattr(placing, "put_in_place", None)  # a second writing would call it
    assert list(read(path).inputs) == SENTENCES  # type: ignore[arg-type]
    assert folders(tmp_path) == before


def test_another_column_has_another_store(tmp_path: Path) -> None:
    path = write(tmp_path / "data.tsv")
    read(path)
    data = read_tokens(path, StepColumns(token="2", label="1", header="no"))[0]
    assert list(data.inputs) == LABELS  # type: ignore[arg-type]
    assert len(folders(tmp_path)) == 2
    assert read_tokens(path, StepColumns(token="1", header="no"), labelled=False)[0].labels is None


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "data.tsv")
    read(path)
    before = folders(tmp_path)
    path.write_text("new\tX\nones\tY\n")
    os.utime(path, ns=(1, 1))
    assert list(read(path).inputs) == [["new", "ones"]]  # type: ignore[arg-type]
    assert folders(tmp_path) == before


@pytest.mark.parametrize("name", ["tokens.i32", "labels.i32", "lines.i64", "offsets.npy", "store.json"])
def test_a_damaged_store_is_made_anew(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "data.tsv")
    read(path)
    part = folders(tmp_path)[0] / name
    part.write_bytes(part.read_bytes()[:-4])
    assert list(read(path).inputs) == SENTENCES  # type: ignore[arg-type]


def test_a_bad_line_leaves_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conll, "ROWS", 2)
    path = write(tmp_path / "data.tsv")
    path.write_text(path.read_text() + "odd\n")
    with pytest.raises(DataError, match=f"got 1 in line {path.read_text().count(chr(10))}"):
        read(path)
    assert folders(tmp_path) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(DataError, match=r"its steps could not be kept in .*ELMAN_CACHE names another folder"):
        read(write(tmp_path / "data.tsv"))


def test_empty_sequences_and_names_of_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "PIECE", 40)
    rows = [{"id": f"é{n}", "tokens": ["a", "b"][: n % 3], "labels": [7, n][: n % 3]} for n in range(9)]
    path = tmp_path / "data.jsonl"
    path.write_text("\n\n\n".join(json.dumps(row) for row in rows))
    data = read(path)
    assert list(data.inputs) == [row["tokens"] for row in rows]  # type: ignore[arg-type]
    assert isinstance(data.labels, Steps)
    assert [row.tolist() for row in data.labels] == [row["labels"] for row in rows]
    some = data.select(np.array([7, 2]))
    assert list(some.called or ()) == ["é7", "é2"]
    assert some.place(1, 0) == "line 3"


def test_labels_of_two_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "PIECE", 20)
    path = tmp_path / "data.jsonl"
    path.write_text('{"tokens": ["a"], "labels": [1]}\n{"tokens": ["b"], "labels": ["x"]}\n')
    with pytest.raises(DataError) as error:
        read(path)
    assert (
        str(error.value) == f"{path}: expected labels of one kind, whole numbers or texts, got int and str."
    )


@pytest.mark.parametrize("block", [1, 3, 100])
def test_tokens_are_numbered_as_they_occur(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "BLOCK", block)
    tokens = StepTokens.of([*SENTENCES, [], ["a", "call"]])
    rows = np.array([3, 4, 0, 5, 2])
    some = tokens.select(rows).cut(front=1)
    expected = [word for row in rows.tolist() for word in tokens[row][1:]]
    assert list(some.flat()) == expected
    numbers, different = some.in_order()
    assert different == list(dict.fromkeys(expected))
    assert [different[number - 1] for number in numbers[:-1].tolist()] == expected
    assert numbers[-1] == 0
    assert some.counts(len(some.values)).sum() == len(expected)
    assert list(tokens.cut(back=3)) == [row[:-3] for row in tokens]
