"""The sections of the benchmark, its record and the tables for the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import __main__ as program
from benchmarks import grid, markdown
from benchmarks.sections import SECTIONS
from elman.bench import layers, machine, report, timing
from elman.bench.record import Figure, Row, Times
from elman.bench.shapes import FULL, Shape
from elman.bench.timing import Effort, MatrixRate

TINY = Shape(2, 3, 4, 5)


def spoiled(kind: str, shape: Shape) -> layers.Setup:
    """A setup whose own layer has one weight wrong, by a little."""
    setup = layers.prepare(kind, shape)
    with torch.no_grad():
        setup.ours.get_parameter("weight_hh_l0")[0, 0] += 1e-2
    return setup


@pytest.fixture
def hasty(mm: MatrixRate, brief: Effort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "QUICK", brief)


ARGUMENTS = ["--section", "layers", "--quick", "--kind", "RNN", "--shape", "2x3x4x5", "--threads", "1"]


@pytest.mark.usefixtures("hasty")
def test_the_program_writes_what_it_measured(tmp_path: Path) -> None:
    assert program.main([*ARGUMENTS, "--out", str(tmp_path)]) == 0
    (path,) = tmp_path.iterdir()
    assert path.name.endswith("-quick.json")
    content = json.loads(path.read_text())
    assert content["machine"]["threads"] == 1
    assert content["machine"]["torch"] == torch.__version__
    assert content["sections"].keys() == {"layers"}
    assert [row["mode"] for row in content["sections"]["layers"]] == ["inference", "training"]
    assert content["means"].keys() == {"RNN inference", "RNN training"}


@pytest.mark.usefixtures("hasty")
def test_a_wrong_layer_fails_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = layers.rows
    monkeypatch.setattr(layers, "rows", lambda *given: rows(*given, prepare=spoiled))
    assert program.main([*ARGUMENTS, "--out", str(tmp_path)]) == 1
    assert "Not timed." in capsys.readouterr().out


def test_a_bad_shape_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.options(["--shape", "1x2x3"])
    assert "expected four positive sizes as BxTxIxH" in capsys.readouterr().err


def test_targets_are_for_large_products_and_the_whole_grid() -> None:
    def row(shape: Shape) -> Row:
        figures = {"ratio": Figure(3.5), "of mm": Figure(0.8, "share")}
        return grid.with_targets(Row("RNN", "training", shape, figures=figures))

    rows = [row(shape) for shape in FULL]
    large = [shape for shape in FULL if shape.batch >= 32 and shape.hidden >= 128]
    assert [r.shape for r in rows if r.figures["of mm"].met] == large
    assert grid.means(rows)["RNN training"].met is True
    assert grid.means(rows[:3])["RNN training"].met is None


def test_the_table_for_the_readme(mm: MatrixRate, brief: Effort) -> None:
    todo = layers.cases((TINY,), ("RNN",), layers.MODES)
    right = next(layers.rows(todo, brief, mm))
    wrong = next(layers.rows(todo[1:], brief, mm, prepare=spoiled))
    content = json.loads(
        json.dumps(report.document({"layers": [right, wrong]}, machine.describe(), mm, True))
    )
    milliseconds = right.times["elman"].median * 1e3
    lines = markdown.markdown(content).splitlines()
    assert lines[2].startswith("**Layers beside torch.nn's.** Ratio: ")
    assert lines[4:] == [
        "| layer | batch, time, input, hidden | inference | training |",
        "| --- | --- | --- | --- |",
        f"| RNN | 2, 3, 4, 5 | {milliseconds:.2f} ms ({right.figures['ratio'].value:.2f} ×) "
        "| wrong result, not timed |",
    ]


def test_sections_for_the_readme(mm: MatrixRate) -> None:
    def row(what: str, value: float, **more: Any) -> Row:
        return Row(what, "training", TINY, figures={"a / b": Figure(value), "MB": Figure(7.4, "MB")}, **more)

    mm.measure()
    absent = Row("RNN", "training", TINY, notes={"a / b": "did not compile"})
    content = report.document(
        {"variants": [row("GRU", 1.5, times={"elman": Times(2e-3, 1e-3, 3e-3)}), absent], "threads": []},
        machine.describe(),
        mm,
        quick=True,
    )
    content["sections"]["threads"] = [r.as_json() for r in (row("GRU", 3.0), row("GRU", 1.5), absent)]
    text = markdown.markdown(json.loads(json.dumps(content)))
    assert "| GRU | 2, 3, 4, 5 | 2.00 ms | 1.50 × | 7 MB |" in text
    assert "| RNN | 2, 3, 4, 5 |  | did not compile |  |" in text
    assert "| GRU | training | 2, 3, 4, 5 | 1.50 × – 3.00 × | 7 MB |" in text
    assert "| RNN | training | 2, 3, 4, 5 | did not compile |  |" in text


def test_every_section_has_its_table() -> None:
    assert markdown.TABLES.keys() == SECTIONS.keys()


def test_tables_are_written_between_the_marks() -> None:
    text = f"before\n{markdown.BEGIN}\nold\n{markdown.END}\nafter\n"
    assert markdown.written_into(text, "new") == f"before\n{markdown.BEGIN}\n\nnew\n\n{markdown.END}\nafter\n"
    with pytest.raises(ValueError, match="expected the marks"):
        markdown.written_into("nothing", "new")


def test_the_readme_has_the_marks() -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    assert readme.count(markdown.BEGIN) == readme.count(markdown.END) == 1


def test_every_section_has_a_title_and_a_note() -> None:
    assert all(section.title and section.note for section in SECTIONS.values())
