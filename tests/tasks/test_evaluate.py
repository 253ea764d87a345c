"""What `elman evaluate` says beside the network."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import elman
from elman.data.named import digits
from elman.data.sequences import Sequences
from elman.tasks import jobs
from elman.tasks.classifying.options import ClassifyOptions


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run on 400 digits from a file."""
    train = digits().train
    assert isinstance(train.inputs, Sequences)
    x, _ = train.inputs.batch(np.arange(400))  # type: ignore[arg-type]
    assert train.labels is not None
    np.savez(tmp_path / "digits.npz", X=x.transpose(0, 1).numpy(), y=train.labels[:400])
    options = ClassifyOptions(
        data=str(tmp_path / "digits.npz"), out=str(tmp_path / "run"), hidden_size=4, epochs=1
    )
    jobs.train("classify", options, Console(quiet=True))
    return tmp_path / "run"


def evaluated(run: Path) -> tuple[dict, str]:
    """(the baselines, what was said), on the test part of the named digits."""
    said = io.StringIO()
    jobs.evaluate(str(run), Console(file=said, width=300), data="digits", out=str(run / "figures.json"))
    return json.loads((run / "figures.json").read_text())["baselines"], said.getvalue()


def test_baselines_are_learned_again_from_the_training_data(run: Path) -> None:
    baselines, said = evaluated(run)
    assert list(baselines) == ["majority", "summary features"]
    assert baselines["summary features"]["accuracy"] > 0.8
    assert "left out" not in said


def test_a_run_whose_training_data_are_gone_says_so(run: Path) -> None:
    (run.parent / "digits.npz").unlink()
    baselines, said = evaluated(run)
    assert list(baselines) == ["majority"]
    assert (
        "baselines that learn from the training data are left out: data: expected a file, got "
        f"'{run.parent / 'digits.npz'}', which does not exist."
    ) in said


def test_a_model_from_python_says_so(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 8, 8)), np.arange(20) % 10
    elman.Classifier(hidden_size=2, epochs=1).fit(x, y).save(tmp_path / "run")
    baselines, said = evaluated(tmp_path / "run")
    assert list(baselines) == ["majority"]
    assert "are left out: the model was trained in Python, on arrays." in said
