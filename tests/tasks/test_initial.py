"""First weights from another run: what agrees is taken, what does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from elman.errors import RunError
from elman.estimators import Classifier, LanguageModel
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


def test_the_layers_of_another_task(tmp_path: Path) -> None:
    """What a language model has learned to read with, a classifier of texts begins with."""
    texts = [line for line in (load_digits.__doc__ or "").split("\n") if line.strip()]
    labels = [int("dig" in text) for text in texts]
    shared = {"cell": "gru", "hidden_size": 6, "epochs": 1, "embedding_size": 5, "validation_share": 0.0}
    LanguageModel(**shared).fit(texts).save(tmp_path / "language")
    reader = {**shared, "tokens": "characters", "bidirectional": True, "max_steps": 50}
    module = Classifier(**reader).fit(texts, labels).model_.module
    taken = start_from(module, str(tmp_path / "language"))
    there, _ = load(tmp_path / "language" / "model.safetensors")
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    assert taken.taken == {f"body.recurrent.{name}": f"recurrent.{name}" for name in names}
    for name in names:
        assert torch.equal(module.state_dict()[f"body.recurrent.{name}"], there[f"recurrent.{name}"])
    assert taken.lines()[0].startswith("taken: body.recurrent.weight_ih_l0 (there recurrent.weight_ih_l0), ")
    assert "body.recurrent.weight_ih_l0_reverse" in taken.new


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
