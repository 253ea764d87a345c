"""Run folders that the tests of this folder look at, trained once."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from sklearn.datasets import load_digits

from elman.estimators import Classifier
from elman.tasks import task_named
from elman.tasks.jobs import train
from elman.train import flow_log
from elman.train.options import from_mapping


def trained(folder: Path, task: str, **options: object) -> Path:
    """A run of `task` with a small network, in `folder`."""
    small = {"hidden_size": 8, "epochs": 2, "seed": 1, "out": str(folder), **options}
    chosen = from_mapping(task_named(task).options, small, origin="the test")
    train(task, chosen, Console(file=io.StringIO(), width=200))
    return folder


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images by rows, two epochs of a GRU, the gradient measured."""
    folder = tmp_path_factory.mktemp("digits") / "gru"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_log, "MOST_SHARE", 100.0)  # so short a training is measured several times
        return trained(folder, "classify", data="digits", cell="gru", learning_rate=0.02, flow=20)


@pytest.fixture(scope="session")
def digits_rnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a plain recurrent network."""
    return trained(tmp_path_factory.mktemp("digits") / "rnn", "classify", data="digits", cell="rnn", epochs=3)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained in Python, on arrays, and saved."""
    images, folder = load_digits(), tmp_path_factory.mktemp("saved") / "model"
    model = Classifier(cell="gru", hidden_size=4, epochs=1, seed=1)
    model.fit(images.images[:200] / 16, images.target[:200]).save(folder)
    return folder
