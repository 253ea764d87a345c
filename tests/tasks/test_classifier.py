"""Classifier: scikit-learn's manners, and the same model after saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from elman.cells import GRU, Cell, register, sigmoid, unregister
from elman.errors import ArgumentError, DataError, RunError
from elman.estimators import Classifier, load
from elman.train.options import TrainOptions, rules

BUNCH = load_digits(n_class=2)
X = (BUNCH.images[:120] / 16.0).astype(np.float32)  # type: ignore[attr-defined]
Y = BUNCH.target[:120]  # type: ignore[attr-defined]
SMALL: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 8,
    "epochs": 6,
    "batch_size": 16,
    "learning_rate": 0.03,
    "bidirectional": False,
}
TEXTS = ["good film", "a fine good film", "bad film", "so bad", "good", "bad bad film"] * 6
FEELINGS = ["+", "+", "-", "-", "+", "-"] * 6


@pytest.fixture(scope="module")
def fitted() -> Classifier:
    return Classifier(**SMALL).fit(X, Y)


def test_it_learns(fitted: Classifier) -> None:
    assert fitted.score(X, Y) > 0.95
    assert fitted.classes_.tolist() == [0, 1]
    assert fitted.n_features_in_ == 8
    assert fitted.n_iter_ == len(fitted.history_) == 6


def test_probabilities(fitted: Classifier) -> None:
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (120, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-12)
    assert np.array_equal(fitted.predict(X), fitted.classes_[probabilities.argmax(1)])
    np.testing.assert_allclose(fitted.predict_proba(X[::-1])[::-1], probabilities, atol=1e-6)


def test_ragged_sequences_do_not_depend_on_their_company() -> None:
    rows = [x[: 3 + k % 6] for k, x in enumerate(X)]
    for options in ({"pooling": "mean"}, {"pooling": "max", "bidirectional": True}, {"pooling": "last"}):
        model = Classifier(**{**SMALL, **options}).fit(rows, Y)
        alone = np.concatenate([model.predict_proba([row]) for row in rows[:8]])
        np.testing.assert_allclose(model.predict_proba(rows)[:8], alone, atol=1e-6)
        assert model.score(rows, Y) > 0.8


def test_texts() -> None:
    model = Classifier(**{**SMALL, "epochs": 9}, min_frequency=1).fit(TEXTS, FEELINGS)
    assert model.predict(["a good one", "this is bad"]).tolist() == ["+", "-"]
    assert model.predict(["", "good"]).shape == (2,)
    assert model.model_.about["options"]["tokens"] == "words"
    assert not hasattr(model, "n_features_in_")


def test_the_seed_decides_and_the_callers_random_state_is_left_alone() -> None:
    state = torch.get_rng_state()
    first = Classifier(**SMALL, seed=1).fit(X, Y).predict_proba(X)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    assert np.array_equal(first, Classifier(**SMALL, seed=1).fit(X, Y).predict_proba(X))
    assert not np.array_equal(first, Classifier(**SMALL, seed=2).fit(X, Y).predict_proba(X))


def test_parameters() -> None:
    model = Classifier(cell="rnn", hidden_size=5)
    parameters = model.get_params()
    assert parameters["cell"] == "rnn"
    assert parameters["dropout"] is None
    assert parameters.keys() == {name for name, rule in rules(Classifier.options_type).items() if rule.python}
    assert not parameters.keys() & {"data", "out", "resume", "overwrite", "text_column"}
    assert clone(model).get_params() == parameters
    assert clone(model.set_params(hidden_size=7)).hidden_size == 7  # type: ignore[attr-defined]
    assert repr(Classifier(hidden_size=5)) == "Classifier(hidden_size=5)"
    assert is_classifier(model)


def test_defaults_are_those_of_the_command_line() -> None:
    defaults = TrainOptions()
    for name, value in Classifier().get_params().items():
        if hasattr(defaults, name):
            assert value == getattr(defaults, name)


def test_cross_validation_and_search() -> None:
    assert cross_val_score(Classifier(**SMALL), X, Y, cv=2).mean() > 0.8
    search = GridSearchCV(Classifier(**SMALL), {"hidden_size": [2, 8]}, cv=2).fit(X, Y)
    assert search.best_params_["hidden_size"] in (2, 8)
    assert search.predict(X).shape == (120,)
    pipeline = make_pipeline(FunctionTransformer(lambda x: x * 2), Classifier(**SMALL)).fit(X, Y)
    assert pipeline.score(X, Y) > 0.8
    assert len(cross_val_score(Classifier(**SMALL), TEXTS, FEELINGS, cv=2)) == 2


def test_standardising_makes_units_irrelevant() -> None:
    units = np.array([1.0, 1e4, 1e-4, 1, 1, 1, 1, 1], dtype=np.float32)
    plain, scaled = (Classifier(**SMALL).fit(x, Y) for x in (X, X * units + 3 * units))
    np.testing.assert_allclose(plain.predict_proba(X), scaled.predict_proba(X * units + 3 * units), atol=1e-2)
    off = Classifier(**SMALL, standardize=False).fit(X, Y)
    assert off.model_.about["inputs"]["shift"] is None


@pytest.mark.parametrize("kind", ["numbers", "texts"])
def test_saved_and_loaded_it_says_the_same(tmp_path: Path, kind: str, fitted: Classifier) -> None:
    x = X if kind == "numbers" else TEXTS
    model = fitted if kind == "numbers" else Classifier(**SMALL, min_frequency=1).fit(TEXTS, FEELINGS)
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert np.array_equal(again.predict_proba(x), model.predict_proba(x))
    assert again.classes_.tolist() == model.classes_.tolist()
    assert again.get_params()["hidden_size"] == 8
    assert not any(path.suffix in (".pkl", ".pickle", ".pt") for path in (tmp_path / "run").iterdir())
    with pytest.raises(RunError, match=r"which exists\. Add --overwrite"):
        model.save(tmp_path / "run")
    model.save(tmp_path / "run", overwrite=True)
    again.save(tmp_path / "copy")
    assert np.array_equal(load(tmp_path / "copy").predict_proba(x), model.predict_proba(x))


def test_training_in_float64(tmp_path: Path) -> None:
    model = Classifier(**SMALL, standardize=False, precision="64").fit(X, Y)
    assert {weight.dtype for weight in model.model_.module.parameters()} == {torch.float64}
    assert model.predict_proba(X).shape == (len(X), len(model.classes_))


def test_a_tampered_model(tmp_path: Path, fitted: Classifier) -> None:
    fitted.save(tmp_path / "run")
    path = tmp_path / "run" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunError, match="its sha256 does not match"):
        load(tmp_path / "run")


class Leaky(Cell):
    """A cell of a user."""

    def step(self, x: Any, h: Any) -> Any:
        keep = sigmoid(self.project(x, "xk") + self.project(h, "hk"))
        return keep * h + (1 - keep) * self.project(x, "xh")


def test_cells_as_objects(tmp_path: Path) -> None:
    model = Classifier(**{**SMALL, "cell": GRU(reset_after=False)}).fit(X, Y)
    model.save(tmp_path / "gru")
    again = load(tmp_path / "gru")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.cell.reset_after is False
    assert np.array_equal(clone(again).fit(X, Y).predict_proba(X), model.predict_proba(X))
    own = Classifier(**{**SMALL, "cell": Leaky()}).fit(X, Y)
    assert own.score(X, Y) > 0.8
    with pytest.raises(RunError) as error:
        own.save(tmp_path / "own")
    assert str(error.value) == (
        "cell: expected a registered cell, got Leaky. "
        "Call elman.cells.register(name, class) before saving, and before loading."
    )
    assert not (tmp_path / "own").exists()
    register("leaky", Leaky)
    try:
        own.save(tmp_path / "own")
        assert np.array_equal(load(tmp_path / "own").predict_proba(X), own.predict_proba(X))
    finally:
        unregister("leaky")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"hidden_size": 0},
            "hidden_size: expected a whole number of 1 or more (units), got 0. Default: 128.",
        ),
        ({"cell": "lsmt"}, "cell: unknown name 'lsmt'. Did you mean 'lstm'? Valid: "),
        (
            {"cell": "rnn", "activation": "rleu"},
            "activation: unknown name 'rleu'. Did you mean 'relu'? Valid: ",
        ),
        (
            {"activation": "relu"},
            "activation: expected an activation only for a cell that lets it be chosen (rnn, ",
        ),
        (
            {"pooling": "lats"},
            "pooling: unknown name 'lats'. Did you mean 'last'? Valid: attention, last, max, mean.",
        ),
        ({"device": "tpu"}, "device: expected auto, cpu, cuda, cuda:N or mps, got 'tpu'."),
    ],
)
def test_bad_parameters(options: dict[str, Any], expected: str) -> None:
    model = Classifier(**{**SMALL, **options})
    with pytest.raises(ArgumentError) as error:
        model.fit(X, Y)
    assert str(error.value).startswith(expected)


def test_an_unknown_parameter() -> None:
    with pytest.raises(
        ArgumentError, match=r"^option: unknown name 'hiden_size'\. Did you mean 'hidden_size'"
    ):
        Classifier(hiden_size=3)


def test_bad_data(fitted: Classifier) -> None:
    for call, expected in (
        (
            lambda: Classifier(**SMALL).fit(X, np.zeros(120, int)),
            "X: expected labels of two classes or more, got only 0.",
        ),
        (
            lambda: Classifier(**SMALL).fit(X, Y[:5]),
            "y: expected one label per sequence (120), got 5 labels.",
        ),
        (lambda: fitted.predict(X[:, :, :3]), "X: expected 8 features, as in training, got 3."),
        (lambda: fitted.predict(TEXTS), "X: expected sequences of numbers, as in training, got texts."),
        (
            lambda: fitted.predict(np.full_like(X, np.nan)),
            "X: expected finite numbers, got nan in row 0, step 0",
        ),
    ):
        with pytest.raises(DataError) as error:
            call()
        assert str(error.value).startswith(expected)
    with pytest.raises(NotFittedError):
        Classifier().predict(X)


def test_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    Classifier(**{**SMALL, "epochs": 1}).fit(X[:30], Y[:30])
    assert capsys.readouterr().out == ""
    Classifier(**{**SMALL, "epochs": 1}, verbose=True).fit(X[:30], Y[:30])
    assert capsys.readouterr().out.startswith("epoch 1/1  train loss ")


def test_a_class_with_one_example_is_refused_unless_it_is_to_be_kept() -> None:
    sequences, labels = np.random.default_rng(0).normal(size=(21, 5, 2)), np.array([0, 1] * 10 + [2])
    with pytest.raises(
        DataError, match=r"expected two examples of each class or more, got one of 2, in row 20"
    ):
        Classifier(epochs=1).fit(sequences, labels)
    kept = Classifier(epochs=1, rare_labels="keep").fit(sequences, labels)
    assert kept.classes_.tolist() == [0, 1, 2]
