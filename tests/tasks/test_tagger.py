"""Tagger: it learns real data above its baselines, has scikit-learn's manners, and names what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from elman.data.named_tagged import jsb, ud_ewt
from elman.data.tagged import Tagged, to_next
from elman.data.tagged_arrays import tagged_of
from elman.errors import ArgumentError, DataError
from elman.estimators import Tagger, load
from elman.tasks.tag import TASK

SMALL: dict[str, Any] = {"hidden_size": 16, "epochs": 4, "batch_size": 8, "learning_rate": 0.02}
WORDS: dict[str, Any] = {
    **SMALL,
    "embedding_size": 16,
    "character_size": 8,
    "min_frequency": 1,
    "dropout": 0.2,
}
SENTENCES = [
    ["Ada", "Lovelace", "wrote", "to", "Charles", "Babbage", "."],
    ["Paris", "is", "in", "France", "."],
    ["Alan", "Turing", "worked", "in", "Manchester", "."],
    ["Babbage", "wrote", "."],
]
SPANS = [
    ["B-PER", "I-PER", "O", "O", "B-PER", "I-PER", "O"],
    ["B-LOC", "O", "O", "B-LOC", "O"],
    ["B-PER", "I-PER", "O", "O", "B-LOC", "O"],
    ["B-PER", "O", "O"],
]


@pytest.fixture(scope="module")
def fitted() -> Tagger:
    return Tagger(**{**WORDS, "epochs": 25}, validation_share=0.0).fit(SENTENCES * 6, SPANS * 6)


def sliced(data: Tagged, count: int) -> Tagged:
    return data.select(np.arange(count))


@pytest.mark.data
def test_it_learns_the_parts_of_speech_of_english() -> None:
    splits = ud_ewt()
    assert splits.test is not None
    train, test = sliced(splits.train, 800), sliced(splits.test, 200)
    sizes = {"hidden_size": 32, "embedding_size": 32, "character_size": 32}
    model = Tagger(**sizes, epochs=4, batch_size=16, learning_rate=0.01, dropout=0.2)
    model.fit(train.inputs, train.labels)
    accuracy = model.score(test.inputs, test.labels)
    rules = TASK.baselines(model.model_, test, train)
    assert 0.1 < rules["majority"]["accuracy"] < 0.25
    assert 0.6 < rules["most frequent label of the token"]["accuracy"] < accuracy


@pytest.mark.data
def test_it_learns_the_next_notes_of_chorales() -> None:
    splits = jsb()
    assert splits.test is not None
    train, test = sliced(splits.train, 60), sliced(splits.test, 20)
    x, new = list(train.inputs), list(test.inputs)
    model = Tagger(hidden_size=64, epochs=25, batch_size=4, learning_rate=0.01, dropout=0.2).fit(x)
    assert model.model_.about["options"]["target"] == "next"
    assert model.model_.about["options"]["decoder"] == "sigmoid"
    loss = -model.score(new)
    rules = TASK.baselines(model.model_, to_next(test), to_next(train))
    assert loss < rules["share of each label"]["nll"] - 0.5
    assert loss < rules["as the step before"]["nll"]
    said, chances = model.predict(new), model.predict_proba(new)
    assert [row.shape for row in said] == [(length, 88) for length in test.lengths]
    assert all(np.array_equal(row, chance > 0.5) for row, chance in zip(said, chances, strict=True))


def test_tokens(fitted: Tagger) -> None:
    said = fitted.predict(SENTENCES)
    assert [row.tolist() for row in said] == SPANS
    assert fitted.score(SENTENCES, SPANS) == 1.0
    assert fitted.classes_.tolist() == ["B-LOC", "B-PER", "I-PER", "O"]
    chances = fitted.predict_proba([["Never", "seen"], [], ["Paris"]])
    assert [row.shape for row in chances] == [(2, 4), (0, 4), (1, 4)]
    np.testing.assert_allclose(np.concatenate(chances).sum(1), 1.0, atol=1e-6)
    assert chances[2].argmax() == 0


def test_sequences_do_not_depend_on_their_company(fitted: Tagger) -> None:
    alone = [fitted.predict_proba([row])[0] for row in SENTENCES]
    for mine, ours in zip(alone, fitted.predict_proba(SENTENCES), strict=True):
        np.testing.assert_allclose(mine, ours, atol=1e-6)


def test_a_conditional_random_field() -> None:
    model = Tagger(**{**WORDS, "epochs": 30}, decoder="crf", validation_share=0.0)
    model.fit(SENTENCES * 6, SPANS * 6)
    assert [row.tolist() for row in model.predict(SENTENCES)] == SPANS
    chances = np.concatenate(model.predict_proba(SENTENCES))
    np.testing.assert_allclose(chances.sum(1), 1.0, atol=1e-5)
    figures = TASK.figures(model.model_, tagged_of(SENTENCES, SPANS, source="here"))
    assert figures["span_f1"] == 1.0
    assert figures["span_f1_by_kind"] == {"LOC": 1.0, "PER": 1.0}
    assert figures["steps"] == 21
    transitions = model.model_.module.decoder.crf.transitions  # type: ignore[union-attr]
    b_loc, _, i_per, o = range(4)
    assert transitions[o, i_per] < transitions[o, o]  # nothing goes inside a person from outside
    assert transitions[b_loc, i_per] < transitions[b_loc, o]


@pytest.mark.parametrize("padded", [True, False])
def test_numbers(padded: bool) -> None:
    x = np.random.default_rng(0).normal(size=(40, 9, 2)).astype(np.float32)
    y = (np.cumsum(x[:, :, 0], axis=1) > 0).astype(int)
    ragged = [9 if padded else 3 + k % 7 for k in range(40)]
    rows, labels = (
        [a[:n] for a, n in zip(x, ragged, strict=True)],
        [a[:n] for a, n in zip(y, ragged, strict=True)],
    )
    given = (x, y) if padded else (rows, labels)
    model = Tagger(**{**SMALL, "epochs": 20}, bidirectional=False).fit(*given)
    assert model.score(*given) > 0.85
    assert [row.shape for row in model.predict(given[0])] == [(n,) for n in ragged]
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("kind", ["tokens", "rolls"])
def test_saved_and_loaded_it_says_the_same(tmp_path: Path, kind: str, fitted: Tagger) -> None:
    if kind == "rolls":
        x: Any = (np.random.default_rng(0).random((12, 6, 5)) < 0.3).astype(np.float32)
        model = Tagger(**SMALL).fit(x)
    else:
        x, model = SENTENCES, fitted
    model.save(tmp_path / "run")
    again = load(tmp_path / "run")
    for old, new in zip(model.predict_proba(x), again.predict_proba(x), strict=True):
        assert np.array_equal(old, new)
    assert isinstance(again, Tagger)
    assert again.classes_.tolist() == model.classes_.tolist()


def test_parameters() -> None:
    model = Tagger(decoder="crf", character_size=3)
    parameters = model.get_params()
    assert parameters["decoder"] == "crf"
    assert not parameters.keys() & {"data", "out", "token_column", "header"}
    assert clone(model).get_params() == parameters
    with pytest.raises(NotFittedError):
        model.predict(SENTENCES)


X, Y = np.zeros((3, 4, 2), np.float32), np.zeros((3, 4), int)


@pytest.mark.parametrize(
    ("options", "x", "y", "message"),
    [
        ({}, ["a text"], ["A"], "X: expected a list of lists of tokens, got texts. Write [text.split()]."),
        ({}, [], [], "X: expected at least one example, got an empty data set."),
        ({}, [["a", 3]], [["A", "B"]], "X: expected tokens, got int in sequence 0, step 1."),
        ({}, [["a", " "]], [["A", "B"]], "X: expected tokens, got an empty one in sequence 0, step 1."),
        ({}, [[], []], [[], []], "X: expected at least one step, got only empty sequences."),
        ({}, [["a"]], None, "X: expected a label for each step, got none. Rolls (steps of 0 and 1)"),
        ({}, [["a"]] * 2, [["A"]], "y: expected labels for 2 sequences, got them for 1."),
        (
            {},
            [["a", "b"]],
            [["A"]],
            "y: expected a label for each of the 2 steps of sequence 0, got 1 labels.",
        ),
        (
            {},
            [["a", "b"]],
            ["AB"],
            "y: expected a label for each of the 2 steps of sequence 0, got one label",
        ),
        ({}, X, Y, "X: expected two labels or more, got only 0. Check that the right column is taken"),
        ({}, X, Y + 0.5, "y: expected classes (whole numbers or texts), got 0.5 in row 0."),
        (
            {},
            X,
            Y[:, :, None] + 2,
            "y: expected 0 or 1 for each label, got 2 in sequence 0, step 0, label 0.",
        ),
        ({}, X + np.nan, Y, "X: expected finite numbers, got nan in row 0, step 0, feature 0."),
        (
            {"target": "next"},
            X + 3,
            None,
            "X: expected 0 or 1 in every feature, as the labels of the next step are made of them, got 3 in "
            "sequence 0, step 0, feature 0.",
        ),
    ],
)
def test_bad_data(options: dict[str, Any], x: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError) as error:
        Tagger(**SMALL, **options).fit(x, y)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"decoder": "crfs"},
            "decoder: unknown name 'crfs'. Did you mean 'crf'? Valid: crf, sigmoid, softmax.",
        ),
        ({"decoder": "sigmoid"}, "decoder: expected softmax or crf, as a step has one label, got 'sigmoid'."),
        (
            {"decoder": "crf", "bptt": 3},
            "bptt: expected whole sequences for a crf, whose likelihood is theirs, "
            "got bptt 3 with decoder crf.",
        ),
        (
            {"bidirectional": True, "bptt": 3},
            "bidirectional: expected one direction with bptt, as the state is carried forward, got True.",
        ),
        (
            {"bidirectional": True, "target": "next"},
            "bidirectional: expected one direction with target next, whose answers the other direction "
            "reads, got True.",
        ),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as error:
        Tagger(**SMALL, **options).fit(SENTENCES, SPANS)
    assert str(error.value) == message


def test_other_data_than_in_training(fitted: Tagger) -> None:
    with pytest.raises(DataError) as error:
        fitted.score([["a", "b"]], [["O", "B-PRE"]])
    assert str(error.value) == (
        "X: sequence 0, step 1 has a label that was not in the training data. "
        "label: unknown name 'B-PRE'. Did you mean 'B-PER'? Valid: B-LOC, B-PER, I-PER, O."
    )
    with pytest.raises(DataError, match="X: expected tokens, as in training, got sequences of numbers"):
        fitted.predict(X)
