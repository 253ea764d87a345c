"""The runner tells the truth: operations counted by hand, wrong layers get no figure, the JSON is whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmarks import __main__ as program
from benchmarks import cases, report
from benchmarks.agreement import disagreement
from benchmarks.cases import Case, Shape
from benchmarks.machine import describe
from benchmarks.markdown import markdown
from benchmarks.runner import Row, run
from benchmarks.timing import Effort, MatrixRate, interleave, ratio
from benchmarks.work import Setup, prepare, results

TINY = Shape(2, 3, 4, 5)
BRIEF = Effort(warmup_seconds=0.0, rounds=3, seconds=0.0)


@pytest.fixture
def mm(monkeypatch: pytest.MonkeyPatch) -> MatrixRate:
    monkeypatch.setattr(MatrixRate, "SIZE", 32)
    return MatrixRate(repeats=1)


def spoiled(kind: str, shape: Shape) -> Setup:
    """A setup whose own layer has one weight wrong, by a little."""
    setup = prepare(kind, shape)
    with torch.no_grad():
        setup.ours.get_parameter("weight_hh_l0")[0, 0] += 1e-2
    return setup


@pytest.mark.parametrize(("kind", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_flops_are_those_of_the_products(kind: str, gates: int) -> None:
    products = 2 * 3 * (2 * 4 * (5 * gates) + 2 * 5 * (5 * gates))  # B T (2 I GH + 2 H GH)
    assert Case(kind, TINY, "inference").flops() == products
    assert Case(kind, TINY, "training").flops() == 3 * products


@pytest.mark.parametrize("kind", cases.KINDS)
def test_elman_agrees_with_the_oracle(kind: str) -> None:
    setup = prepare(kind, TINY)
    found, right = results(setup.ours, setup), results(setup.oracle, setup)
    assert disagreement(found, right) == ""
    assert {"output", "state 0", "gradient of input", "gradient of weight_hh_l0"} < right.keys()


def test_disagreement_names_what_is_wrong() -> None:
    right = {"output": torch.ones(2, dtype=torch.float64)}
    assert disagreement({"output": torch.ones(2)}, right) == ""
    assert disagreement({"output": torch.tensor([1.0, 1.001])}, right).startswith("output is off by 1.0e-03")
    assert disagreement({"output": torch.tensor([1.0, torch.nan])}, right).startswith("output is off by nan")
    assert disagreement({"output": torch.ones(3)}, right) == "output has shape (3,) in place of (2,)"
    assert disagreement({}, right) == "results [] in place of ['output']"


def test_a_wrong_layer_gets_no_figure(mm: MatrixRate) -> None:
    todo = cases.cases((TINY,), ("GRU",), cases.MODES)
    rows = list(run(todo, BRIEF, mm, prepare=spoiled))
    assert [row.case for row in rows] == todo
    for row in rows:
        assert "is off by" in row.wrong
        assert row.ratio is None
        assert row.libraries == {}
    console = Console(record=True, width=100)
    console.print(report.table(rows))
    shown = console.export_text()
    assert shown.count("wrong") == 2
    assert "%" not in shown


def test_a_right_layer_gets_times_of_both(mm: MatrixRate) -> None:
    (row,) = run([Case("LSTM", TINY, "training")], BRIEF, mm)
    assert row.wrong == ""
    assert row.rounds == 3
    assert row.mm_gflops_per_second is not None
    assert row.libraries.keys() == {"torch", "elman"}
    for times in row.libraries.values():
        assert 0 < times.first_quartile <= times.median <= times.third_quartile
        assert times.gflops_per_second == pytest.approx(row.case.flops() / times.median / 1e9)
        assert times.share_of_mm == pytest.approx(times.gflops_per_second / row.mm_gflops_per_second)


def test_rounds_turn_the_order_about() -> None:
    called: list[str] = []
    works = {name: (lambda name=name: called.append(name)) for name in "ab"}
    times = interleave(works, Effort(warmup_seconds=0.0, rounds=3, seconds=0.0))
    assert "".join(called) == "ab" + "ab" + "ba" + "ab"  # the warm-up, then three rounds
    assert [len(values) for values in times.values()] == [3, 3]


def test_ratio_is_the_median_over_rounds() -> None:
    assert ratio([2.0, 9.0, 6.0], [1.0, 3.0, 1.0]) == 3.0


def test_geometric_means_leave_out_what_was_not_timed() -> None:
    case = Case("GRU", TINY, "training")
    rows = [Row(case, ratio=2.0), Row(case, ratio=8.0), Row(case, wrong="output is off")]
    assert report.geometric_means(rows) == {"GRU training": pytest.approx(4.0)}


def test_the_program_writes_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MatrixRate, "SIZE", 32)
    monkeypatch.setattr(program.timing, "QUICK", BRIEF)
    arguments = ["--quick", "--kind", "RNN", "--shape", "2x3x4x5", "--threads", "1", "--out", str(tmp_path)]
    assert program.main(arguments) == 0
    (path,) = tmp_path.iterdir()
    assert path.name.endswith("-quick.json")
    content = json.loads(path.read_text())
    assert content["machine"]["threads"] == 1
    assert content["machine"]["torch"] == torch.__version__
    assert {"cpu", "cores", "isa", "commit", "dirty", "engine"} <= content["machine"].keys()
    assert [row["case"]["mode"] for row in content["rows"]] == ["inference", "training"]
    assert content["rows"][0]["case"]["shape"] == {"batch": 2, "time": 3, "input": 4, "hidden": 5}


def test_the_table_for_the_readme(mm: MatrixRate) -> None:
    todo = cases.cases((TINY,), ("RNN",), cases.MODES)
    right, wrong = next(run(todo, BRIEF, mm)), next(run(todo[1:], BRIEF, mm, prepare=spoiled))
    content = json.loads(json.dumps(report.document([right, wrong], describe(), mm, quick=True)))
    milliseconds = right.libraries["elman"].median * 1e3
    assert markdown(content).splitlines()[2:] == [
        "| layer | batch, time, input, hidden | inference | training |",
        "| --- | --- | --- | --- |",
        f"| RNN | 2, 3, 4, 5 | {milliseconds:.2f} ms ({right.ratio:.2f} ×) | wrong result, not timed |",
    ]


def test_a_wrong_layer_fails_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(MatrixRate, "SIZE", 32)
    monkeypatch.setattr(program.timing, "QUICK", BRIEF)
    monkeypatch.setattr(program, "run", lambda *a, **k: run(*a, **k, prepare=spoiled))
    assert program.main(["--quick", "--kind", "RNN", "--shape", "2x3x4x5", "--out", str(tmp_path)]) == 1
    assert "Not timed." in capsys.readouterr().out


def test_a_busy_machine_is_told(mm: MatrixRate) -> None:
    machine = describe()
    for samples, busy in (([99.0, 100.0, 101.0, 100.0], False), ([50.0, 100.0, 150.0, 100.0], True)):
        mm.samples = samples
        console = Console(record=True, width=200)
        console.print(report.screen([], machine, mm, ""))
        assert ("The machine was busy" in console.export_text()) == busy
    assert mm.spread() == pytest.approx(25 / 100)


@pytest.mark.parametrize("text", ["32x100x128", "0x1x1x1", "axbxcxd", "1x1x1x-1"])
def test_a_bad_shape_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.options(["--shape", text])
    assert "expected four positive sizes as BxTxIxH" in capsys.readouterr().err
