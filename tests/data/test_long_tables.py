"""Long tables: series by id and time, from every kind of file, and bad ones answered with their row."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from elman.data import row_order, spilled, table_files
from elman.data.columns import Columns
from elman.data.examples import Examples
from elman.data.long_rows import picked
from elman.data.sequences import Sequences
from elman.data.source import read_file
from elman.errors import DataError

TABLE = """id,time,left,right,label
a,1,0.5,1,up
a,2,1.5,2,up
b,1,2.5,3,down
a,10,3.5,4,up
b,2,4.5,5,down
"""


def read(folder: Path, text: str, columns: Columns | None = None) -> tuple[Examples, str]:
    path = folder / "data.csv"
    path.write_text(text)
    examples, notes, _ = read_file(path, columns or Columns())
    return examples, notes[0]


def test_the_pieces_make_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "PIECE", 30)
    monkeypatch.setattr(row_order, "BLOCK", 2)
    check(read(tmp_path, TABLE)[0])
    said = complaint(tmp_path, TABLE.replace("4.5", "x"))
    assert said.startswith("data.csv: expected a number in column 'left', got 'x' in row 6.")


def test_numbers_are_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    numbers = np.random.default_rng(3).normal(size=(7, 2)).astype(np.float32)
    kept = spilled.spilled([numbers[:4], numbers[4:]])
    order = row_order.by_series(np.array([1, 0, 2, 1, 0, 1, 0]), np.arange(7), 3, on_disk=True)
    sorted_ = picked(kept, order, pad=True)
    assert np.array_equal(kept, numbers)
    assert np.array_equal(sorted_, [*numbers[[1, 4, 6, 0, 3, 5, 2]], [0, 0]])
    assert order.rows is not None
    assert order.stamps is not None
    for array in (kept, sorted_, order.rows, order.stamps):
        while isinstance(array.base, np.ndarray):
            array = array.base
        assert isinstance(array.base, mmap.mmap)
    assert not any((tmp_path / "cache").iterdir())  # files without a name
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="ELMAN_CACHE names another folder for such files"):
        spilled.spilled([numbers])


def complaint(folder: Path, text: str, columns: Columns | None = None) -> str:
    with pytest.raises(DataError) as error:
        read(folder, text, columns)
    return str(error.value).replace(f"{folder}/", "")


def check(examples: Examples) -> None:
    assert isinstance(examples.inputs, Sequences)
    assert examples.inputs.lengths.tolist() == [3, 2]
    wanted = [[0.5, 1], [1.5, 2], [3.5, 4], [2.5, 3], [4.5, 5]]
    assert examples.inputs.values[:-1].tolist() == wanted
    assert examples.labels is not None
    assert examples.labels.tolist() == ["up", "down"]
    assert examples.names is not None
    assert examples.names.tolist() == ["a", "b"]


def test_series_by_usual_names(tmp_path: Path) -> None:
    examples, note = read(tmp_path, TABLE)
    check(examples)
    assert note == (
        "data.csv: 2 series by column 'id', time 'time' (rows were not in order: sorted), "
        "channels 'left', 'right', labels 'label'"
    )


def test_columns_that_are_left_out_are_said(tmp_path: Path) -> None:
    head, *rows = TABLE.splitlines()
    text = "\n".join([f"{head},who", *(f"{row},Ann" for row in rows)])
    _, note = read(tmp_path, text, Columns(channels="left"))
    assert note.endswith("channels 'left', labels 'label'; not used: 'right', 'who'")


def test_rows_in_any_order_and_named_columns(tmp_path: Path) -> None:
    head, *rows = TABLE.splitlines()
    text = "\n".join([head.replace("id,time", "who,when").replace("label", "what"), *rows[::-1]])
    columns = Columns(id="who", time="when", channels="left, right", label="5")
    examples, _ = read(tmp_path, text, columns)
    assert examples.names is not None
    assert examples.names.tolist() == ["b", "a"]
    assert isinstance(examples.inputs, Sequences)
    assert examples.inputs.values[:-1, 0].tolist() == [2.5, 4.5, 0.5, 1.5, 3.5]


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "tsv"])
def test_other_files(tmp_path: Path, ending: str) -> None:
    table = pl.read_csv(TABLE.encode())
    path = tmp_path / f"data.{ending}"
    if ending == "parquet":
        table.write_parquet(path)
    elif ending == "jsonl":
        table.write_ndjson(path)
    else:
        table.write_csv(path, separator="\t")
    check(read_file(path, Columns())[0])


def test_dates(tmp_path: Path) -> None:
    head, *rows = TABLE.splitlines()
    dated = [re.sub(r"^(\w),(\d+),", lambda m: f"{m[1]},2026-01-{int(m[2]):02},", row) for row in rows]
    check(read(tmp_path, "\n".join([head, *dated]))[0])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("b,2,", "b,1,", "got 1.0 twice in series 'b', in rows 4 and 6. Remove one of them, or "),
        ("b,2,", "b,nan,", "expected a number or a date in 'time', got 'nan' in row 6."),
        ("b,2,", "b,,", "expected a number or a date in 'time', got 'nothing' in row 6."),
        ("b,2,", ",2,", "expected a value of 'id' in every row, got none in row 6."),
        ("5,down", "5,", "expected a value of 'label' in every row, got none in row 6."),
        ("4.5", "", "expected a number in column 'left', got 'nothing' in row 6."),
        (
            "4.5",
            "abc",
            "expected a number in column 'left', got 'abc' in row 6. Fill it in, leave the series ",
        ),
        ("4.5", "inf", "expected a number in column 'left', got 'inf' in row 6."),
        ("4.5", "nan", "expected a number in column 'left', got 'nan' in row 6."),
        ("5,down", "5,up", "expected one label for each series, got 'down' and 'up' in series 'b' (row 6)."),
    ],
)
def test_bad_rows(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert expected in complaint(tmp_path, TABLE.replace(old, new))


def test_wrong_names_offer_the_nearest(tmp_path: Path) -> None:
    message = complaint(tmp_path, TABLE, Columns(id="id", channels="left,rigth"))
    assert message.startswith("data.csv: channels: unknown name 'rigth'. Did you mean 'right'?")
    message = complaint(tmp_path, TABLE.replace("id,", "who,"), Columns(time="time"))
    assert message == (
        "data.csv: expected a column of the id of each series, got 'who', 'time', 'left', 'right', 'label'. "
        "Name it by --id-column."
    )
