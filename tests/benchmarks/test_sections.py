"""Each kind of row: its oracle is right, a wrong result gets no figure, what is absent is told in words."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import lengths, loops, memory, precision, steps, threads, variants
from benchmarks.context import Context
from benchmarks.peers import serve
from benchmarks.peers.contestant import Contestant, UnavailableError
from elman.bench import layers
from elman.bench.shapes import Shape
from elman.bench.timing import Effort, MatrixRate

TINY = Shape(2, 3, 4, 5)


@pytest.fixture
def context(mm: MatrixRate, brief: Effort, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(serve, "BURST", 0.0)
    return Context(brief, mm, threads=torch.get_num_threads(), quick=True)


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_variants_are_held_against_their_loop(name: str, context: Context) -> None:
    row = variants.row(name, TINY, context)
    assert row.wrong == ""
    assert row.times.keys() == {"elman", "plain cell", "loop"}
    assert row.figures["over plain"].most == 1.3


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_every_parameter_and_mask_matters_to_the_oracle(name: str) -> None:
    variant, (input, _) = variants.VARIANTS[name], layers.given(TINY)
    layer = variants.layer_of(variant, TINY)
    right = variants.LoopModule(variant, layer)
    right.masks = variant.masks(input, TINY.hidden)
    output = right(input)[0]
    for parameter in right.parameters():
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.mul_(1.1).add_(0.1)
        assert not torch.allclose(right(input)[0], output)
        with torch.no_grad():
            parameter.copy_(before)
    for mask in right.masks:
        spoiled = {**right.masks, mask: 1 - right.masks[mask].clamp(max=1)}
        assert not torch.allclose(variant.loop(input, dict(right.p.items()), spoiled)[0], output)


def test_a_wrong_variant_gets_no_figure(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def loop(x: torch.Tensor, p: loops.Named, masks: loops.Named) -> tuple[torch.Tensor, tuple]:
        output, states = loops.peephole_lstm(x, p, masks)
        return 1.01 * output, states

    spoiled = replace(variants.VARIANTS["LSTM, peepholes"], loop=loop)
    monkeypatch.setitem(variants.VARIANTS, "LSTM, peepholes", spoiled)
    row = variants.row("LSTM, peepholes", TINY, context)
    assert "is off by" in row.wrong
    assert not row.times


def test_masks_are_taken_down() -> None:
    variant, (input, _) = variants.VARIANTS["LSTM, variational dropout"], layers.given(TINY)
    layer = variants.layer_of(variant, TINY)
    with variants.masks_seen(input) as seen:
        layer(input)
    assert seen["drop_x"].shape == (2, 4)
    assert seen["drop_h"].shape == (2, 5)
    assert {round(value, 4) for value in seen["drop_x"].flatten().tolist()} <= {0.0, round(1 / 0.75, 4)}


def test_a_loop_that_does_not_compile_in_time_is_told() -> None:
    with pytest.raises(UnavailableError, match=r"^did not compile in 0 s$"):
        variants.compiled("LSTM, peepholes", TINY, 1, limit=0.01)


@pytest.mark.slow
def test_a_loop_compiles_in_its_own_process() -> None:
    with variants.compiled("GRU, reset before", Shape(1, 2, 3, 4), 1) as peer:
        assert peer() > 0


@pytest.mark.parametrize("kind", layers.KINDS)
def test_a_training_step_of_both(kind: str, context: Context) -> None:
    row = steps.row(kind, TINY, context)
    assert row.wrong == ""
    assert row.times.keys() == {"elman", "torch"}


def test_a_wrong_step_gets_no_figure(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    models = steps.models

    def spoiled(kind: str, shape: Shape) -> dict[str, steps.Classifier]:
        found = models(kind, shape)
        with torch.no_grad():
            found["elman"].layer.get_parameter("weight_hh_l0")[0, 0] += 1e-2
        return found

    monkeypatch.setattr(steps, "models", spoiled)
    row = steps.row("GRU", TINY, context)
    assert row.wrong.startswith("elman: ")
    assert not row.figures


def test_keras_that_is_not_installed_is_told(context: Context) -> None:
    row = steps.row("RNN", TINY, replace(context, quick=False), python=Path("/nowhere/python"))
    assert row.notes["keras jax"] == "not installed: make bench-peers"
    assert "fastest Keras / elman" not in row.figures


@pytest.mark.parametrize(("kind", "biases"), [("RNN", 1), ("LSTM", 1), ("GRU", 2)])
def test_keras_is_given_what_it_trains(kind: str, biases: int) -> None:
    x, y = steps.batch(TINY)
    made = steps.models(kind, TINY)["oracle"]
    before = {name: value.clone() for name, value in made.state_dict().items()}
    given = steps.for_keras(kind, made, x, y)
    assert given["weight_hh_l0"] == pytest.approx(before["layer.weight_hh_l0"].numpy(), abs=1e-6)
    assert list(given["losses"]) == sorted(given["losses"], reverse=True)
    changed = [
        n for n in ("bias_ih_l0", "bias_hh_l0") if not before[f"layer.{n}"].equal(made.layer.get_parameter(n))
    ]
    assert len(changed) == biases


def test_two_threads_leave_as_many_as_there_were(context: Context) -> None:
    before = torch.get_num_threads()
    rows = list(threads.rows(replace(context, kinds=("RNN",), shapes=(TINY,))))
    assert [row.mode for row in rows] == ["inference", "training"]
    assert all(row.figures.keys() == {"1 / 2 threads"} for row in rows)
    assert torch.get_num_threads() == before


def test_ragged_batches_are_right_and_counted(context: Context) -> None:
    (row,) = lengths.ragged(replace(context, kinds=("LSTM",), shapes=(Shape(7, 5, 3, 4),)))
    assert row.wrong == ""
    assert 0 < row.figures["real steps"].value < 1


def test_the_cost_of_a_step_over_many(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = {30: 1000, 3: 0}
    monkeypatch.setattr(lengths, "peak", lambda whose, kind, shape, count: peaks[shape.time])
    (row,) = lengths.growth(replace(context, shapes=(TINY,)))
    assert row.figures["memory a step"].value == 1.0
    assert row.times.keys() == {"T", "10 T"}


def test_the_peak_is_at_least_what_must_be_kept() -> None:
    shape = Shape(32, 200, 128, 128)
    output = 4 * shape.batch * shape.time * shape.hidden
    assert memory.peak("fast", "LSTM", shape, 1) > 3 * output  # the output, the gates, the gradient of x


def test_autocast_is_measured_or_its_absence_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "obstacle", lambda: "no such products")
    row = precision.row("GRU", TINY, context)
    assert row.notes == {"float32 / bf16": "no such products"}


CHILD = "import sys; sys.path.insert(0, 'benchmarks/peers'); from serve import serve; serve(lambda: {})"


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        ("1 / 0", "^cannot start: ZeroDivisionError: division by zero$"),
        ("__import__('time').sleep(60)", "^did not start in 1 s$"),
        ("__import__('os')._exit(3)", "^ended with status 3$"),
    ],
)
def test_a_contestant_that_cannot_start_is_told(prepare: str, message: str) -> None:
    with pytest.raises(UnavailableError, match=message):
        Contestant([sys.executable, "-c", CHILD.format(prepare)], limit=1)


def test_a_contestant_says_how_long_its_work_takes() -> None:
    work = "(lambda: __import__('time').sleep(0.01), dict(steps=1))"
    with Contestant([sys.executable, "-c", CHILD.format(work)], 30) as peer:
        assert peer.known == {"steps": 1}
        assert 0.01 <= peer() < 1
    assert peer._process.returncode is not None
