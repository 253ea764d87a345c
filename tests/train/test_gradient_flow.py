"""The gradient's flow: by hand on a linear recurrence, and while a network is trained."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from rich.console import Console
from sklearn.datasets import load_digits
from torch import nn

from elman import Classifier
from elman.nn import RNN, Recurrent
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.jobs import train
from elman.train import flow_log
from elman.train.flow_log import FlowLog
from elman.train.gradient_flow import gradient_flow
from elman.train.learner import Learner
from elman.train.run_folder import RunFolder


def halving(factor: float = 0.5) -> nn.Module:
    """h_t = factor · h_{t-1} + x_t, by rectified units that never rest."""
    layer = RNN(2, 2, nonlinearity="relu")
    for name, value in (("weight_hh_l0", factor), ("weight_ih_l0", 1.0)):
        getattr(layer, name).data.copy_(value * torch.eye(2))
    for name in ("bias_ih_l0", "bias_hh_l0"):
        getattr(layer, name).data.zero_()
    return layer


def test_the_flow_of_a_recurrence_known_in_closed_form() -> None:
    layer, x = halving(), torch.rand(12, 3, 2) + 0.1
    lengths = torch.tensor([12, 5, 12])
    [flow] = gradient_flow(layer, lambda: layer(x, lengths=lengths)[1].sum())
    back = flow.by_lag()
    assert back.places == list(range(12))
    assert back.median == pytest.approx([2**0.5 * 0.5**lag for lag in range(12)])
    assert back.low == pytest.approx(back.high)
    assert back.count == [3] * 5 + [2] * 7
    assert flow.by_step().count == [3] * 5 + [2] * 7
    assert flow.reach() == 10  # 2⁻⁹ is the last above a thousandth
    assert flow.reach(0.1) == 4
    assert flow.plain()["reach"] == 10


def test_a_gradient_that_is_not_finite_is_a_number_nevertheless() -> None:
    layer, x = halving(1e10), torch.full((6, 3, 2), 1e-20)
    [flow] = gradient_flow(layer, lambda: layer(x)[1].sum())
    assert max(flow.by_lag().median) == pytest.approx(torch.finfo(torch.float32).max)
    json.dumps(flow.plain(), allow_nan=False)


def test_a_loss_that_no_layer_has_a_part_in() -> None:
    layer = Recurrent("gru", 2, 3)

    def loss() -> torch.Tensor:
        layer(torch.randn(4, 2, 2))
        return torch.ones((), requires_grad=True)

    [flow] = gradient_flow(layer, loss)
    assert flow.by_lag().median == [0.0] * 4
    assert flow.reach() == 0


def trained(flow: int | None, **options: object) -> Classifier:
    digits = load_digits()
    settings = {"cell": "gru", "hidden_size": 16, "epochs": 2, "dropout": 0.2, **options}
    return Classifier(flow=flow, **settings).fit(digits.images[:400] / 16, digits.target[:400])


@pytest.fixture
def as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes beside so short a training."""
    monkeypatch.setattr(flow_log, "MOST_SHARE", 100.0)


@pytest.mark.usefixtures("as_often_as_asked")
@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_measuring_while_training_changes_no_weight(precision: str) -> None:
    models = [trained(flow, precision=precision).model_ for flow in (None, 3)]
    plain, watched = (model.module.state_dict() for model in models)
    assert all(torch.equal(plain[name], watched[name]) for name in plain)


def test_it_takes_no_more_than_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))  # a measurement takes a second, by this clock
    monkeypatch.setattr(flow_log, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    monkeypatch.setattr(flow_log, "batch_flow", lambda *arguments: [])
    log = FlowLog(cast(Learner, None), every=2)
    for step in range(200):
        log.before(nn.Identity(), None, step, 1, seconds=float(step), steps=200)
    assert [record["step"] for record in log.records] == [0, *range(40, 200, 20)]


def test_a_training_of_few_steps_is_too_short_to_measure(tmp_path: Path) -> None:
    said = io.StringIO()
    options = ClassifyOptions(data="digits", out=str(tmp_path / "run"), hidden_size=8, epochs=1, flow=1)
    train("classify", options, Console(file=said, width=200))  # 41 steps
    assert "gradient's flow not measured: in so short a training it would take over 5 %" in said.getvalue()
    assert RunFolder(tmp_path / "run").load_flow() == []


@pytest.mark.usefixtures("as_often_as_asked")
def test_the_run_folder_keeps_the_flow(tmp_path: Path) -> None:
    options = ClassifyOptions(data="digits", out=str(tmp_path / "run"), hidden_size=8, epochs=1, flow=10)
    train("classify", options, Console(quiet=True))
    records = RunFolder(tmp_path / "run").load_flow()
    assert [record["step"] for record in records] == list(range(0, 10 * len(records), 10))
    assert len(records) > 2
    for record in records:
        [layer] = record["layers"][:1]
        assert layer["places"] == list(range(8))
        assert all(0 <= low <= high for low, high in zip(layer["low"], layer["high"], strict=True))
        assert max(layer["high"]) > 0
        assert record["seconds"] > 0
