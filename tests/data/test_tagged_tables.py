"""Long tables with labels for steps, and event logs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elman.data import Sequences, row_order, table_files
from elman.data.tagged import StepColumns, Tagged, hold_out_sequences, to_next
from elman.data.tagged_arrays import tagged_of
from elman.data.tagged_source import read_tagged, together
from elman.data.tagged_tables import read_steps
from elman.errors import DataError

SENSORS = """\
id,time,x,z,state
b,1,0.5,1,walk
a,2,3,4,run
a,1,1,2,walk
b,2,0.25,2,run
a,3,5,6,rest
"""
WORDS = "Sentence #,Word,Tag\n1,Paris,B-LOC\n1,sleeps,O\n2,He,O\n"
NOTES = "piece,time,note\nq,0,C\nq,0,E\nq,1,C\nq,3,G\np,5,E\n"


def read(folder: Path, content: str, *, labelled: bool = True, **columns: str) -> tuple[Tagged, str]:
    (folder / "table.csv").write_text(content)
    data, note, _ = read_steps(folder / "table.csv", StepColumns(**columns), labelled=labelled)
    return data, note


def values(data: Tagged) -> list[list[list[float]]]:
    assert isinstance(data.inputs, Sequences)
    return [row.tolist() for row in data.inputs]


def test_a_long_table(tmp_path: Path) -> None:
    data, note = read(tmp_path, SENSORS)
    assert data.called == ["b", "a"]
    assert values(data) == [[[0.5, 1], [0.25, 2]], [[1, 2], [3, 4], [5, 6]]]
    assert data.labels is not None
    assert [row.tolist() for row in data.labels] == [["walk", "run"], ["walk", "run", "rest"]]
    assert data.place(1, 0) == "line 4"
    assert note == (
        "table.csv: 2 sequences by column 'id', time 'time' (rows were not in order: sorted), "
        "channels 'x', 'z', labels 'state'"
    )
    assert read(tmp_path, SENSORS, labelled=False)[0].labels is None
    alone, note = read(tmp_path, SENSORS, channels="z")
    assert values(alone)[0] == [[1], [2]]
    assert note.endswith("channels 'z', labels 'state'; not used: 'x'")


def test_the_pieces_make_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "PIECE", 12)
    monkeypatch.setattr(row_order, "BLOCK", 2)
    test_a_long_table(tmp_path)
    test_tokens_in_a_table(tmp_path)
    test_an_event_log(tmp_path)


def test_tokens_in_a_table(tmp_path: Path) -> None:
    data, _ = read(tmp_path, WORDS)
    assert list(data.inputs) == [["Paris", "sleeps"], ["He"]]
    assert data.labels is not None
    assert data.labels[0].tolist() == ["B-LOC", "O"]


def test_several_label_columns(tmp_path: Path) -> None:
    content = "time,x,rain,wind\n1,3,0,1\n2,4,1,1\n"
    data, _ = read(tmp_path, content, label="rain,wind")
    assert data.names == ("rain", "wind")
    assert data.labels is not None
    assert data.labels[0].tolist() == [[0, 1], [1, 1]]
    assert values(data) == [[[3], [4]]]


def test_an_event_log(tmp_path: Path) -> None:
    data, note = read(tmp_path, NOTES)
    assert data.names == ("C", "E", "G")
    assert data.labels is None
    assert values(data) == [[[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]], [[0, 1, 0]]]
    assert note == "table.csv: 2 sequences by column 'piece', time 'time', 3 events of column 'note'"
    dated, _ = read(tmp_path, "time,event\n2024-01-01,a\n2024-03-01,b\n2024-03-01,a\n")
    assert values(dated) == [[[1, 0], [1, 1]]]


def test_parts_with_other_events(tmp_path: Path) -> None:
    first, _ = read(tmp_path, "time,event\n0,b\n1,c\n")
    second, _ = read(tmp_path, "time,event\n0,a\n1,c\n")
    both = together({"train": first, "test": second})
    assert both["train"].names == both["test"].names == ("a", "b", "c")
    assert values(both["test"]) == [[[1, 0, 0], [0, 0, 1]]]
    with pytest.raises(DataError, match=r"table\.csv: event: unknown name 'a'\. .*Valid: b, c\."):
        second.aligned(("b", "c"))


def test_the_next_step(tmp_path: Path) -> None:
    data = to_next(read(tmp_path, NOTES)[0])
    assert data.ahead
    assert data.lengths.tolist() == [3, 0]
    assert data.labels is not None
    assert data.labels[0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (
            SENSORS.replace("0.25", ""),
            {},
            "expected a number in column 'x', got 'nothing' in row 5. Fill it in, leave the series out, "
            "or name the "
            "columns of numbers (--channels).",
        ),
        (
            SENSORS.replace("b,2", "b,1"),
            {},
            "expected each time once in a series, got 1.0 twice in series 'b'",
        ),
        (SENSORS.replace("b,2", "b,soon"), {}, "expected a number or a date in 'time', got 'soon' in row 5."),
        (SENSORS.replace(",rest", ","), {}, "expected a value of 'state' in every row, got none in row 6."),
        (
            SENSORS,
            {"label": "stat"},
            "label_column: unknown name 'stat'. Did you mean 'state'? Valid: id, state, time, x, z. "
            "Or its number, 1 to 5.",
        ),
        (SENSORS, {"label": "x,state"}, "expected a number in column 'state', got 'walk' in row 2."),
        (
            SENSORS,
            {"label": "x,z", "channels": "time"},
            "expected 0 or 1 in each of several label columns, got 0.5 in column 'x', row 2.",
        ),
        (
            "id,x\na,1\n",
            {},
            "expected a column of labels, got 'id', 'x'. Name it by --label-column; of a sequence a row its "
            "tokens and its labels are lists (JSONL, Parquet).",
        ),
        (
            "id,label\na,1\n",
            {},
            "expected a column of numbers or of tokens, got none. Name them by --channels or --token-column.",
        ),
        ("id,event\na,1\n", {}, "expected a column of times beside the events. Name it by --time-column."),
    ],
)
def test_errors(tmp_path: Path, content: str, columns: dict[str, str], message: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, content, **columns)
    assert str(error.value).startswith(f"{tmp_path / 'table.csv'}: {message}")


def test_a_folder_with_parts_in_the_names_of_its_files(tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        (tmp_path / f"en_x-ud-{part}.tsv").write_text(f"{part}\tX\nb\tY\n\nc\tX\n")
    splits = read_tagged(str(tmp_path), StepColumns()).splits
    assert [part.inputs[0][0] for part in splits.parts().values()] == ["train", "dev", "test"]  # type: ignore[index]
    (tmp_path / "train.conllu").write_text("a\tX\n")
    with pytest.raises(DataError, match=r"expected one train file, got en_x-ud-train\.tsv, train\.conllu"):
        read_tagged(str(tmp_path), StepColumns())


def test_shares_held_out() -> None:
    sentences = [[str(number)] for number in range(20)]
    data = tagged_of(sentences, [[number] for number in range(20)], source="here")
    kept, held = hold_out_sequences(data, 0.25, seed=1)
    assert held is not None
    assert (len(kept), len(held)) == (15, 5)
    assert sorted([*kept.inputs, *held.inputs]) == sorted(sentences)  # type: ignore[misc]
    assert held.labels is not None
    assert [str(row[0]) for row in held.labels] == [tokens[0] for tokens in held.inputs]  # type: ignore[union-attr]
    alone = tagged_of([list("abcdefgh")], [np.arange(8)], source="here")
    kept, held = hold_out_sequences(alone, 0.25, seed=1)
    assert held is not None
    assert (*kept.inputs, *held.inputs) == (list("abcdef"), list("gh"))  # type: ignore[misc]
    assert hold_out_sequences(data, 0.0, seed=1)[1] is None
