"""Tagged sequences a row each: lists of tokens and of labels in JSONL and Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from elman.data import table_files
from elman.data.tagged import StepColumns, Tagged
from elman.data.tagged_source import read_tagged
from elman.errors import DataError
from elman.tasks.tagging.labels import label_notes

ROWS: list[dict[str, Any]] = [
    {"id": "a", "tokens": ["Paris", "sleeps"], "ner_tags": ["B-LOC", "O"], "pos": [3, 7]},
    {"id": "b", "tokens": ["He"], "ner_tags": ["O"], "pos": [1]},
    {"id": "c", "tokens": [], "ner_tags": [], "pos": []},
]


def written(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / name
    if name.endswith("parquet"):
        pl.DataFrame(rows).write_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(path: Path, *, labelled: bool = True, **columns: str) -> tuple[Tagged, tuple[str, ...], StepColumns]:
    found = read_tagged(str(path), StepColumns(**columns), labelled=labelled)
    return found.splits.train, found.splits.notes, found.columns


@pytest.mark.parametrize("piece", [10, 1 << 20])
@pytest.mark.parametrize("name", ["data.jsonl", "data.parquet"])
def test_lists_are_sequences(name: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "PIECE", piece)
    monkeypatch.setattr(table_files, "ROWS", max(piece // 10, 1))
    path = written(tmp_path, name, ROWS)
    data, notes, taken = read(path)
    assert list(data.inputs) == [["Paris", "sleeps"], ["He"], []]
    assert data.labels is not None
    assert [row.tolist() for row in data.labels] == [["B-LOC", "O"], ["O"], []]
    assert list(data.called or ()) == ["a", "b", "c"]
    assert data.place(1, 0) == "line 2"
    assert notes == (f"{name}: tokens from column 'tokens', labels from column 'ner_tags'",)
    assert (taken.token, taken.label, taken.id) == ("tokens", "ner_tags", "id")
    assert read(path, labelled=False)[0].labels is None


def test_columns_are_named_by_option(tmp_path: Path) -> None:
    data, _, _ = read(written(tmp_path, "data.jsonl", ROWS), token="ner_tags", label="pos")
    assert list(data.inputs) == [["B-LOC", "O"], ["O"], []]
    assert data.labels is not None
    assert [row.tolist() for row in data.labels] == [[3, 7], [1], []]


@pytest.mark.parametrize(
    ("change", "columns", "expected"),
    [
        (
            {},
            {"label": "ner_tag"},
            "label_column: unknown name 'ner_tag'. Did you mean 'ner_tags'? Valid: ner_tags, pos, tokens. "
            "Or its number, 1 to 3.",
        ),
        ({}, {"label": "tokens"}, "expected two columns, of tokens and of labels, got 'tokens' for both."),
        (
            {"ner_tags": ["O", "O"]},
            {},
            "expected a label for each of the 1 tokens of row 2, got 2 labels.",
        ),
        ({"ner_tags": None}, {}, "expected a list in column 'ner_tags', got None in row 2."),
        (
            {"tokens": [" "]},
            {},
            "expected texts or whole numbers in the lists of column 'tokens', got ' ' in row 2, at place 1 "
            "of its list.",
        ),
    ],
)
def test_bad_lists(change: dict[str, Any], columns: dict[str, str], expected: str, tmp_path: Path) -> None:
    path = written(tmp_path, "data.jsonl", [ROWS[0], {**ROWS[1], **change}])
    with pytest.raises(DataError) as error:
        read(path, **columns)
    assert str(error.value) == f"{path}: {expected}"


def test_labels_of_two_kinds_in_a_list_are_said(tmp_path: Path) -> None:
    """JSON's numbers and texts in one list are read as texts."""
    rows = [{"tokens": ["a", "b"], "labels": labels} for labels in ([1, "x"], ["x", 22], [1, 22])]
    data, _, _ = read(written(tmp_path, "data.jsonl", rows))
    (note,) = label_notes(data, {})
    assert note == "labels are taken as texts, though some are written as numbers: '1', '22' beside 'x'"
    rows = [{"tokens": ["a", "b"], "labels": [1, 2]}, {"tokens": ["a", "b"], "labels": [2, 1]}]
    assert label_notes(read(written(tmp_path, "plain.jsonl", rows))[0], {}) == []


def test_lists_without_a_usual_name(tmp_path: Path) -> None:
    path = written(tmp_path, "data.jsonl", [{"tokens": ["a"], "kinds": [1]}])
    with pytest.raises(DataError) as error:
        read(path)
    assert str(error.value) == (
        f"{path}: expected a column with lists of labels, got 'tokens', 'kinds'. Name it by --label-column."
    )


def test_a_table_of_steps_in_json_is_still_one(tmp_path: Path) -> None:
    rows = [{"id": 1, "token": "a", "label": "x"}, {"id": 1, "token": "b", "label": "y"}]
    data, _, _ = read(written(tmp_path, "data.jsonl", rows))
    assert list(data.inputs) == [["a", "b"]]
