"""First weights from another run: what agrees is taken, what does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from elman.errors import RunError
from elman.estimators import Classifier
from elman.tasks.initial import start_from
from elman.train.checkpoint import load

BUNCH = load_digits(n_class=4)
X, Y = BUNCH.images[:200] / 16.0, BUNCH.target[:200]  # type: ignore[attr-defined]
SMALL = {"cell": "gru", "hidden_size": 6, "epochs": 2, "batch_size": 32, "bidirectional": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "four"
    Classifier(**SMALL).fit(X, Y).save(folder)
    return folder


def test_what_agrees_is_taken_and_the_rest_named(run: Path) -> None:
    module = Classifier(**SMALL).fit(X[Y < 2], Y[Y < 2]).model_.module
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    taken = start_from(module, str(run))
    weights, _ = load(run / "model.safetensors")
    for name, tensor in module.state_dict().items():
        source = before if name.startswith("output.") else weights
        assert torch.equal(tensor, source[name]), name
    assert set(taken.taken) == {name for name in before if not name.startswith("output.")}
    assert taken.other == (("output.weight", (4, 6), (2, 6)), ("output.bias", (4,), (2,)))
    assert taken.new == ()
    assert taken.lines()[1] == (
        "of another shape, so begun anew: output.weight (there (4, 6), here (2, 6)), "
        "output.bias (there (4,), here (2,))"
    )


def test_it_is_where_training_begins(run: Path) -> None:
    """One epoch at a rate of next to nothing leaves the model that the run has."""
    still = {**SMALL, "epochs": 1, "learning_rate": 1e-12, "standardize": True}
    model = Classifier(**still, init=str(run)).fit(X, Y)
    weights, _ = load(run / "model.safetensors")
    torch.testing.assert_close(model.model_.module.state_dict()["output.weight"], weights["output.weight"])


def test_nothing_that_agrees(run: Path) -> None:
    with pytest.raises(RunError) as error:
        Classifier(**{**SMALL, "hidden_size": 5, "standardize": False}, init=str(run)).fit(X[:, :, :7], Y % 3)
    assert str(error.value) == (
        f"init: expected a run with a layer of the shape of one here, got '{run}', where none agrees. "
        "Give this run the same cell, hidden_size and inputs, or leave init out."
    )


def test_no_run() -> None:
    with pytest.raises(RunError, match="run: expected a run folder, got 'nowhere', which does not exist"):
        Classifier(**SMALL, init="nowhere").fit(X, Y)
