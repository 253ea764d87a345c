"""The runner tells the truth: operations counted by hand, wrong layers get no figure, the JSON is whole."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from elman.bench import command, layers, machine, report, timing
from elman.bench.agreement import disagreement
from elman.bench.layers import Case, Setup, both_modes, prepare
from elman.bench.record import Figure, Row, measure
from elman.bench.shapes import Shape
from elman.bench.timing import Effort, MatrixRate, interleave, ratio
from elman.errors import ArgumentError

TINY = Shape(2, 3, 4, 5)


def spoiled(kind: str, shape: Shape) -> Setup:
    """A setup whose own layer has one weight wrong, by a little."""
    setup = prepare(kind, shape)
    with torch.no_grad():
        setup.ours.get_parameter("weight_hh_l0")[0, 0] += 1e-2
    return setup


def shown(*renderables: object) -> str:
    console = Console(record=True, width=160, file=io.StringIO())
    for renderable in renderables:
        console.print(renderable)
    return console.export_text()


@pytest.mark.parametrize(("kind", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_flops_are_those_of_the_products(kind: str, gates: int) -> None:
    products = 2 * 3 * (2 * 4 * (5 * gates) + 2 * 5 * (5 * gates))  # B T (2 I GH + 2 H GH)
    assert Case(kind, TINY, "inference").flops() == products
    assert Case(kind, TINY, "training").flops() == 3 * products


@pytest.mark.parametrize("kind", layers.KINDS)
def test_elman_agrees_with_the_oracle(kind: str) -> None:
    setup = prepare(kind, TINY)
    found, right = both_modes(setup.ours, setup), both_modes(setup.oracle, setup)
    assert disagreement(found, right) == ""
    assert {"output", "state 0", "gradient of input", "gradient of weight_hh_l0"} < right.keys()


def test_disagreement_names_what_is_wrong() -> None:
    right = {"output": torch.ones(2, dtype=torch.float64)}
    assert disagreement({"output": torch.ones(2)}, right) == ""
    off = {"output": torch.tensor([1.0, 1.001])}
    assert disagreement(off, right).startswith("output is off by 1.0e-03")
    assert disagreement(off, right, tolerance=1e-2) == ""
    assert disagreement({"output": torch.tensor([1.0, torch.nan])}, right).startswith("output is off by nan")
    assert disagreement({"output": torch.ones(3)}, right) == "output has shape (3,) in place of (2,)"
    assert disagreement({}, right) == "results [] in place of ['output']"


def test_a_wrong_layer_gets_no_figure(mm: MatrixRate, brief: Effort) -> None:
    todo = layers.cases((TINY,), ("GRU",), layers.MODES)
    rows = list(layers.rows(todo, brief, mm, prepare=spoiled))
    assert [(row.what, row.shape, row.mode) for row in rows] == [(c.kind, c.shape, c.mode) for c in todo]
    for row in rows:
        assert "is off by" in row.wrong
        assert not row.figures
        assert not row.times
    right = next(layers.rows(todo, brief, mm))
    text = shown(report.table([*rows, right]))
    assert text.count("wrong") == 2
    assert text.count("%") == 1
    assert shown(report.table(rows)).count("GRU") == 2


def test_a_right_layer_gets_times_of_both(mm: MatrixRate, brief: Effort) -> None:
    case = Case("LSTM", TINY, "training")
    (row,) = layers.rows([case], brief, mm)
    assert row.wrong == ""
    assert row.rounds == 3
    assert row.mm_gflops_per_second is not None
    assert row.times.keys() == {"torch", "elman"}
    for times in row.times.values():
        assert 0 < times.first_quartile <= times.median <= times.third_quartile
    rate = case.flops() / row.times["elman"].median / 1e9
    assert row.figures["GF/s"].value == pytest.approx(rate)
    assert row.figures["of mm"].value == pytest.approx(rate / row.mm_gflops_per_second)


def test_rounds_turn_the_order_about() -> None:
    called: list[str] = []
    works = {name: (lambda name=name: called.append(name)) for name in "ab"}
    times = interleave(works, Effort(warmup_seconds=0.0, rounds=3, seconds=0.0))
    assert "".join(called) == "ab" + "ab" + "ba" + "ab"  # the warm-up, then three rounds
    assert [len(values) for values in times.values()] == [3, 3]


def test_a_contestant_may_time_itself(mm: MatrixRate, brief: Effort) -> None:
    found = measure({"there": lambda: 2.0, "here": lambda: 0.5}, brief, mm)
    assert found.seconds["there"] == [2.0, 2.0, 2.0]
    assert found.ratio("there", "here") == 4.0


def test_ratio_is_the_median_over_rounds() -> None:
    assert ratio([2.0, 9.0, 6.0], [1.0, 3.0, 1.0]) == 3.0


def test_geometric_means_leave_out_what_was_not_timed() -> None:
    rows = [Row("GRU", "training", TINY, figures={"ratio": Figure(value)}) for value in (2.0, 8.0)]
    rows.append(Row("GRU", "training", TINY, wrong="output is off"))
    assert report.geometric_means(rows) == {"GRU training": pytest.approx(4.0)}


@pytest.mark.parametrize(
    ("figure", "met", "target"),
    [
        (Figure(2.0), None, ""),
        (Figure(2.0, least=2.0), True, "≥ 2"),
        (Figure(1.99, least=2.0), False, "≥ 2"),
        (Figure(1.3, most=1.3), True, "≤ 1.3"),
        (Figure(0.8, "share", least=0.75, most=0.79), False, "≥ 75% and ≤ 79%"),
    ],
)
def test_a_figure_knows_its_target(figure: Figure, met: bool | None, target: str) -> None:
    assert figure.met is met
    assert figure.target == target


def test_a_row_is_whole_in_json() -> None:
    row = Row("GRU", "training", TINY, figures={"ratio": Figure(2.0, least=3.0)}, notes={"loop": "none"})
    content = json.loads(json.dumps(row.as_json()))
    assert content["shape"] == {"batch": 2, "time": 3, "input": 4, "hidden": 5}
    assert content["figures"]["ratio"] == {
        "value": 2.0, "unit": "times", "least": 3.0, "most": None, "met": False
    }  # fmt: skip
    assert content["notes"] == {"loop": "none"}


def test_notes_stand_in_the_place_of_figures() -> None:
    rows = [
        Row("GRU", "training", TINY, figures={"ratio": Figure(2.0)}, notes={"compiled": "did not compile"}),
        Row("RNN", "training", TINY, figures={"ratio": Figure(3.0)}),
    ]
    text = shown(report.table(rows, {"GRU training": Figure(2.5)}, "Title"))
    assert "did not compile" in text
    assert "geometric mean" in text
    assert "2.50" in text


def test_a_busy_machine_is_told(mm: MatrixRate) -> None:
    about = machine.describe()
    for samples, busy in (([99.0, 100.0, 101.0, 100.0], False), ([50.0, 100.0, 150.0, 100.0], True)):
        mm.samples = samples
        assert ("The machine was busy" in shown(report.screen(about, mm, [], ""))) == busy
    assert mm.spread() == pytest.approx(25 / 100)


def test_no_commit_is_told_of_a_copy_outside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine.commit()["commit"] is not None
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    assert machine.commit() == {"commit": None, "dirty": None}


@pytest.mark.parametrize("text", ["32x100x128", "0x1x1x1", "axbxcxd", "1x1x1x-1", "1x1x1x²"])
def test_a_bad_shape_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^shape: expected four positive sizes as BxTxIxH"):
        Shape.parse(text)


@pytest.fixture
def hasty(mm: MatrixRate, brief: Effort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "QUICK", brief)


@pytest.mark.usefixtures("hasty")
def test_the_command_writes_where_it_is_told(tmp_path: Path) -> None:
    path, console = tmp_path / "here" / "speed.json", Console(record=True, width=160, file=io.StringIO())
    before = torch.get_num_threads()
    found = command.bench(console, ["rnn"], ["2x3x4x5"], threads=before + 1, out=str(path))
    assert found == 0
    assert torch.get_num_threads() == before
    assert f"Written to {path}" in console.export_text().replace("\n", "")
    content = json.loads(path.read_text())
    assert content["machine"]["threads"] == before + 1
    assert {"cpu", "cores", "isa", "commit", "dirty", "engine"} <= content["machine"].keys()
    assert [row["mode"] for row in content["sections"]["layers"]] == ["inference", "training"]


@pytest.mark.usefixtures("hasty")
def test_the_command_keeps_to_its_time() -> None:
    console = Console(record=True, width=160, file=io.StringIO())
    assert command.bench(console, ["rnn", "gru"], ["2x3x4x5"], ["training"], seconds=1e-9) == 0
    assert "Left out, as 1e-09 s were over: GRU 2x3x4x5 training." in console.export_text()


@pytest.mark.usefixtures("hasty")
def test_a_wrong_layer_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = layers.rows
    monkeypatch.setattr(layers, "rows", lambda *given: rows(*given, prepare=spoiled))
    console = Console(record=True, width=160, file=io.StringIO())
    assert command.bench(console, ["rnn"], ["2x3x4x5"]) == 1
    assert "Not timed." in console.export_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cell": ["gruu"]}, "cell: unknown name 'gruu'. Did you mean 'gru'?"),
        ({"mode": ["train"]}, "mode: unknown name 'train'. Did you mean 'training'?"),
        ({"threads": 0}, "threads: expected 1 or more, got 0."),
        ({"seconds": 0.0}, "seconds: expected a number above 0, got 0.0."),
        ({"out": "/"}, "out: expected a JSON file to write, got '/'. It is a folder"),
    ],
)
def test_bad_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        command.bench(Console(quiet=True), **options)
    assert str(caught.value).startswith(message)
