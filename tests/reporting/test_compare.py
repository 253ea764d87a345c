"""Runs side by side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import elman
from elman.errors import ArgumentError, RunError
from elman.reporting.blocks import Table
from elman.reporting.compare import comparison_page, figure_blocks, names_of, read_runs, terminal_table


def test_the_page_and_the_terminal_show_the_same_figures(
    digits: Path, digits_rnn: Path, tmp_path: Path
) -> None:
    out = tmp_path / "both.html"
    runs = read_runs((digits, digits_rnn), out)
    names = names_of(runs)
    assert names == ["gru", "rnn"]
    table = figure_blocks(runs, names)[0]
    assert isinstance(table, Table)
    rows = [[cell.shown for cell in row] for row in table.cells]
    assert [[cell.plain for cell in row] for row in terminal_table(runs).rows] == rows
    accuracy = [
        json.loads((run / "result.json").read_text())["test"]["accuracy"] for run in (digits, digits_rnn)
    ]
    column = list(table.columns).index("accuracy")
    assert [row[column].value for row in table.cells] == accuracy
    assert elman.compare(digits, digits_rnn, out=out) == out
    page = out.read_text()
    assert "Options in which the runs differ" in page
    assert all(f"{value:.2%}" in page for value in accuracy)


def test_two_to_twenty_different_runs(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="runs: expected 2 to 20 run folders, got 1"):
        elman.compare(digits)
    with pytest.raises(ArgumentError, match="runs: expected 2 to 20 run folders, got 21"):
        elman.compare(*[tmp_path / str(k) for k in range(21)])
    with pytest.raises(ArgumentError, match="got one of them twice"):
        elman.compare(digits, f"{digits}/../{digits.name}", out=tmp_path / "x.html")
    with pytest.raises(RunError, match="out: expected an HTML file in a folder that exists"):
        elman.compare(digits, digits, out=tmp_path / "none" / "x.html")


def test_a_saved_model_has_nothing_to_compare(digits: Path, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected a run with figures"):
        elman.compare(digits, saved, out=tmp_path / "x.html")


def test_runs_alike_differ_in_no_option(digits: Path, tmp_path: Path) -> None:
    shutil.copytree(digits, tmp_path / "again")
    page = comparison_page(read_runs([digits, tmp_path / "again"], tmp_path / "x.html"))
    assert "In none but the folder." in page
