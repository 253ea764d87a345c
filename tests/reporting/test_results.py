"""The sections that show a task's own result, on slices of real data."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from elman.reporting.blocks import Block, Chart, Grid, Marked, Section, Table
from elman.reporting.report import sections_of
from elman.reporting.run import read_run
from reporting.conftest import trained

pytestmark = pytest.mark.data
Sections = Callable[..., dict[str, Section]]


@pytest.fixture
def shown(tmp_path: Path) -> Sections:
    """The sections, by name, of a small network's run."""

    def sections(task: str, data: Path | str, **options: object) -> dict[str, Section]:
        run = trained(tmp_path / "run", task, data=str(data), epochs=1, baselines=False, **options)
        return {one.name: one for one in sections_of(read_run(run))}

    return sections


def only(kind: type[Block], section: Section) -> list[Block]:
    return [block for block in section.blocks if isinstance(block, kind)]


def test_a_tagger_of_words(shown: Sections, tmp_path: Path, data_folder: Path) -> None:
    with gzip.open(data_folder / "ud_english_ewt" / "dev.tsv.gz", "rt", encoding="utf-8") as file:
        lines = list(itertools.islice(file, 2_000))
    (tmp_path / "few.tsv").write_text("".join(lines), encoding="utf-8")
    sections = shown("tag", tmp_path / "few.tsv")
    [labels] = [t for t in only(Table, sections["result"]) if t.caption.startswith("Each label")]
    known = {line.split("\t")[-1].strip() for line in lines if line.strip()}
    assert {row[0].shown for row in labels.cells} <= known
    assert [row[4].value for row in labels.cells] == sorted(
        (row[4].value for row in labels.cells), reverse=True
    )
    marked = only(Marked, sections["sequences"])
    assert len(marked) == 8
    for text in marked:
        words = [piece for piece in text.pieces if piece.title]
        wrong = sum(piece.wrong for piece in words)
        assert text.title.endswith(f"{wrong / len(words):.0%} of {len(words)} steps wrong")
    [layers, _] = [*only(Table, sections["speed"])][::-1]
    assert layers.columns[0] == "Recurrent layers"


def test_a_tagger_of_chords(shown: Sections) -> None:
    [grid] = only(Grid, shown("tag", "jsb")["sequences"])
    truth, given = (chart.figure.data[0] for chart in grid.charts)
    assert {value for row in truth.z for value in row} == {0.0, 1.0}
    assert all(0.0 < value < 1.0 for row in given.z for value in row)
    assert list(truth.y) == list(given.y)


def test_a_forecaster(shown: Sections, data_folder: Path) -> None:
    table = data_folder / "ett" / "ETTh1.csv.gz"
    options = {"target": "OT", "split": "600/200/200", "lookback": 48, "horizon": 12}
    sections = shown("forecast", table, **options)
    [grid] = only(Grid, sections["result"])
    assert len(grid.charts) == 6
    with gzip.open(table, "rt") as file:
        values = {row["date"]: float(row["OT"]) for row in itertools.islice(csv.DictReader(file), 1_000)}
    for chart in grid.charts:
        lines = {line.name: line for line in chart.figure.data}
        assert {"past", "what came", "forecast", "80 %", "90 %"} <= set(lines)
        for stamp, value in zip(lines["what came"].x, lines["what came"].y, strict=True):
            assert value == pytest.approx(values[stamp], abs=1e-3 * abs(values[stamp]) + 1e-3)


def test_a_language_model(shown: Sections, tmp_path: Path, data_folder: Path) -> None:
    text = (data_folder / "tiny_shakespeare" / "input.txt").read_text()[:20_000]
    (tmp_path / "plays.txt").write_text(text)
    sections = shown("generate", tmp_path / "plays.txt")
    [reading] = only(Marked, sections["reading"])
    assert "".join(piece.text for piece in reading.pieces) in text
    [table] = only(Table, sections["reading"])
    for piece, row in zip(reading.pieces, table.cells, strict=True):
        assert piece.title == f"{row[1].shown}: {row[2].value:.1%}"
    [chart] = only(Chart, sections["reading"])
    assert min(chart.figure.data[0].y) > 0
