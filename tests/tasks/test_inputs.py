"""Numbers as the network reads them: brought to one scale, and said where they never change."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from rich.console import Console

from elman.data import Sequences
from elman.tasks import task_named
from elman.tasks.inputs import standardised
from elman.tasks.jobs import train


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_features_of_any_unit_are_brought_to_one_scale(scale: float) -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, (20, 7, 3)) * scale
    values[..., 1] = 5 * scale
    inputs, notes = standardised(Sequences.from_dense(values))
    read = inputs.layer()[0](torch.from_numpy(values.astype(np.float32)))
    deviations = read.std((0, 1), correction=0)
    torch.testing.assert_close(deviations, torch.tensor([1.0, 0.0, 1.0]), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(read.mean((0, 1)), torch.zeros(3), atol=1e-4, rtol=0)
    assert notes == ("1 of 3 features never change in the training data: number 2",)


def test_constant_features_have_their_names() -> None:
    values = np.zeros((5, 4, 10))
    values[..., 3] = np.arange(4)
    named = standardised(Sequences.from_dense(values[..., :4]), "rain,wind,sun,warm")[1]
    assert named == ("3 of 4 features never change in the training data: 'rain', 'wind', 'sun'",)
    assert standardised(Sequences.from_dense(values[..., 3:4]), "warm")[1] == ()
    many = standardised(Sequences.from_dense(values))[1][0]
    assert many.startswith(
        "9 of 10 features never change in the training data: number 1, number 2, number 3, "
    )
    assert many.endswith("number 9 …")


@pytest.mark.parametrize("task", ["classify", "regress", "tag"])
def test_they_are_said_before_training(task: str, tmp_path: Path) -> None:
    rows = np.arange(240)
    table = pl.DataFrame(
        {
            "id": rows // 6,
            "time": rows % 6,
            "still": np.full(240, 7.5),
            "moving": np.sin(rows),
            "label": rows // 6 % 2 if task != "tag" else rows % 2,
        }
    )
    table.write_csv(tmp_path / "series.csv")

    options = task_named(task).options(
        data=str(tmp_path / "series.csv"),
        out=str(tmp_path / "run"),
        hidden_size=4,
        epochs=1,
        baselines=False,
        standardize=True,
        label_column="label",
    )
    said = io.StringIO()
    train(task, options, Console(file=said, width=300))
    assert "1 of 2 features never change in the training data: 'still'" in said.getvalue()
