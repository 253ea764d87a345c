"""Tables: nothing is cut off, however narrow the terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.text import Text

from elman.train.sheet import Sheet

HEADER = ["", "mse", "bits_per_character", "coverage_90", "windows"]
ROWS = [
    ["train", "0.1234", "1.5", "0.8965", "10,000"],
    ["baseline: seasonal naive [bold]", "1.1448", "", Text("0.9", "bold"), "4,359"],
]


def shown(sheet: Sheet, width: int) -> str:
    said = io.StringIO()
    Console(file=said, width=width).print(sheet)
    return said.getvalue()


def test_side_by_side_where_there_is_room() -> None:
    said = shown(Sheet(HEADER, ROWS, "figures"), 120).splitlines()
    assert said[0] == "figures"
    assert [cell.strip() for cell in said[4].strip("│").split("│")] == ROWS[0]
    assert len(said) == 7


@pytest.mark.parametrize("width", [70, 60, 50])
def test_below_one_another_where_there_is_not(width: int) -> None:
    said = shown(Sheet(HEADER, ROWS), width)
    assert "…" not in said
    words = re.findall(r"[^\s│┃]+", said)
    for cell in (*HEADER[1:], *(str(cell) for row in ROWS for cell in row[1:] if str(cell))):
        assert words.count(cell) == 1
    groups = said.count("┏")
    assert groups == {70: 2, 60: 3, 50: 4}[width]
    assert words.count("train") == groups  # each table says what its rows are
    assert max(map(len, said.splitlines())) <= width
    # the one without bits_per_character stands only where it has something to show
    assert said.count("baseline: seasonal naive [bold]") == groups - (width < 70)


def test_labels_give_way_where_all_columns_then_stand_side_by_side() -> None:
    said = shown(Sheet(HEADER, ROWS), 84)
    assert said.count("┏") == 1
    assert "seasonal naive" in said
    assert "[bold]" in said


def test_long_labels_go_on_in_a_further_line() -> None:
    label = "/data/" + "a" * 40 + ".csv"
    said = shown(Sheet(["", "mse"], [[label, "0.5"]]), 80)
    assert "".join(re.findall(r"^│ (\S+)", said, re.MULTILINE)) == label
