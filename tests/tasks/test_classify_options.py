"""What the options of classify do: weights, smoothing, masks, vectors, convolution, truncation, cutting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from elman.data import Examples, Sequences, Splits
from elman.data.columns import Columns
from elman.data.shorten import shorten
from elman.data.tables import read_table
from elman.data.word_vectors import read_word_vectors, vector_size
from elman.errors import ArgumentError, DataError
from elman.estimators import Classifier
from elman.tasks.classify import TASK
from elman.tasks.classifying.learner import ClassifyLearner
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.pooled.baselines import _in_turn

BUNCH = load_digits(n_class=3)
X = (BUNCH.images[:150] / 16.0).astype(np.float32)  # type: ignore[attr-defined]
Y = BUNCH.target[:150]  # type: ignore[attr-defined]
SMALL: dict[str, Any] = {"cell": "gru", "hidden_size": 12, "batch_size": 16, "learning_rate": 0.03}
TEXTS = ["good film", "a fine good film", "bad film", "so bad", "good", "bad bad film"] * 6
FEELINGS = ["+", "+", "-", "-", "+", "-"] * 6


def learner(labels: np.ndarray = Y, **options: Any) -> ClassifyLearner:
    rows = [x[: 2 + k % 7] for k, x in enumerate(X)]
    splits = Splits(Examples(Sequences.from_arrays(rows), labels, "digits"))
    chosen = TASK.choose(ClassifyOptions(**{**SMALL, **options}), splits)
    return TASK.prepare(chosen, splits)[1]


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "attention"},
        {"convolution": 3},
        {"convolution": 4, "stride": 2, "pooling": "mean"},
        {"bptt": 3, "pooling": "max"},
        {"class_weights": "balanced", "label_smoothing": 0.1},
        {"time_mask": 2, "frequency_mask": 2},
        {"offset_noise": 0.3, "batches": "mixed"},
        {"max_steps": 5, "keep": "first"},
    ],
)
def test_it_learns_with_each(options: dict[str, Any], tmp_path: Path) -> None:
    rows = [x[k % 2 :] for k, x in enumerate(X)]
    model = Classifier(**SMALL, epochs=8, **options).fit(rows[:100], Y[:100])
    assert model.score(rows[100:], Y[100:]) > 0.8
    alone = np.concatenate([model.predict_proba([row]) for row in rows[:5]])
    np.testing.assert_allclose(model.predict_proba(rows)[:5], alone, atol=1e-6)


def test_weights_and_smoothing_are_in_the_loss_and_not_in_the_figure() -> None:
    unbalanced = np.where(np.arange(150) % 10 == 0, 1, 0)
    lean = learner(unbalanced, class_weights="balanced", label_smoothing=0.2, dropout=0.0)
    assert lean.weights is not None
    torch.testing.assert_close(lean.weights, torch.tensor([150 / (2 * 135), 150 / (2 * 15)]))
    x, lengths, y = lean.fetch(lean.batches(1)[0])
    step = lean.step(lean.module, (x, lengths, y))
    logits = lean.module(x, lengths)
    share = F.one_hot(y, 2) * 0.8 + 0.1
    terms = -(share * lean.weights * logits.log_softmax(1)).sum(1)
    torch.testing.assert_close(step.loss, terms.sum() / lean.weights[y].sum())
    assert step.figure is not None
    torch.testing.assert_close(step.figure, F.cross_entropy(logits, y))


def test_masks_hide_bands_and_stretches_within_each_sequence() -> None:
    lean = learner(time_mask=2, frequency_mask=3)
    assert lean.fill is not None
    batch = lean.batches(1)[0]
    x, lengths, _ = lean.fetch(batch)
    assert torch.equal(x, lean.fetch(batch)[0])  # a function of the batch
    plain, _ = lean.train.x.batch(batch.rows)
    assert lengths is not None
    hidden = x != plain
    assert hidden.any()
    assert torch.equal(x[hidden], lean.fill.expand_as(x)[hidden])
    other = lean.fetch(type(batch)(batch.rows, batch.seed + 1))[0]
    assert not torch.equal(other, x)
    for b, length in enumerate(lengths.tolist()):
        whole = (x[:length, b] == lean.fill).all(1)
        assert whole.sum() <= length // 2


@pytest.mark.parametrize("standardize", [True, False])
def test_offsets_move_whole_sequences_by_their_deviations(standardize: bool) -> None:
    lean = learner(offset_noise=0.5, batch_size=150, standardize=standardize)
    batch = lean.batches(1)[0]
    x, lengths, _ = lean.fetch(batch)
    assert torch.equal(x, lean.fetch(batch)[0])  # a function of the batch
    plain, _ = lean.train.x.batch(batch.rows)
    moved = x - plain
    torch.testing.assert_close(moved, moved[:1].expand_as(moved), atol=1e-5, rtol=0.0)
    assert lengths is not None
    values = torch.cat([plain[:length, b] for b, length in enumerate(lengths.tolist())])
    asked = 0.5 * values.std(0, correction=0) if standardize else torch.full((8,), 0.5)
    varied = values.std(0) > 0  # the first column of the images is white
    found = (moved[0] / asked)[:, varied]
    assert found.std(0).sub(1.0).abs().max() < 0.2
    assert found.mean(0).abs().max() < 0.3
    correlations = found.T.corrcoef().fill_diagonal_(0.0)
    assert correlations.abs().max() < 0.4  # each feature on its own


def test_mixed_batches_hold_sequences_of_any_length() -> None:
    def spread(batches: str) -> float:
        lean = learner(batches=batches)
        lengths = lean.train.x.lengths
        ranges = [(lengths[b.rows].max() - lengths[b.rows].min()).item() for b in lean.batches(1)]
        return sum(ranges) / len(ranges)

    assert spread("length") < 1.0 < 2.0 < spread("mixed")


def test_truncation_is_for_one_direction() -> None:
    with pytest.raises(ArgumentError) as error:
        Classifier(bptt=4, bidirectional=True).fit(X, Y)
    assert str(error.value) == (
        "bptt: expected one direction, since the other one begins at the end of a sequence, "
        "got bidirectional. Add --no-bidirectional, or leave bptt out."
    )
    with pytest.raises(ArgumentError, match="bptt: expected no convolution"):
        Classifier(bptt=4, convolution=3).fit(X, Y)
    with pytest.raises(ArgumentError, match="stride: expected a convolution that takes it"):
        Classifier(stride=2).fit(X, Y)


@pytest.mark.parametrize(("keep", "wanted"), [("first", [0, 1, 2]), ("last", [4, 5, 6]), ("ends", [0, 1, 6])])
def test_cutting(keep: str, wanted: list[int]) -> None:
    sequences = Sequences.from_flat(np.array([10, 11, *range(7), 20, 21, 22]), np.array([2, 7, 3]))
    cut = shorten(sequences.select([1, 0, 2]), 3, keep)
    tokens, lengths = cut.batch(torch.arange(3))
    assert lengths is not None
    assert lengths.tolist() == [3, 2, 3]
    assert tokens.T.tolist() == [wanted, [10, 11, 0], [20, 21, 22]]


def test_long_texts_are_cut_by_default() -> None:
    splits = Splits(Examples([f"{'word ' * 500}{t}" for t in TEXTS], np.array(FEELINGS), "texts"))
    assert TASK.choose(ClassifyOptions(), splits).max_steps == 400
    assert TASK.choose(ClassifyOptions(bptt=50), splits).max_steps is None
    splits = Splits(Examples(TEXTS, np.array(FEELINGS), "texts"))
    assert TASK.choose(ClassifyOptions(), splits).max_steps is None


@pytest.mark.parametrize("header", ["", "5 3\n"])
def test_word_vectors(tmp_path: Path, header: str) -> None:
    path = tmp_path / "words.vec"
    path.write_text(f"{header}good 1 0 0.5\nbad -1 0 -0.5\nfilm 0 1 0\nunseen 9 9 9\n, 1 1 1\n")
    assert vector_size(path) == 3
    splits = Splits(Examples(TEXTS, np.array(FEELINGS), "texts"))
    options = TASK.choose(ClassifyOptions(word_vectors=str(path), min_frequency=1), splits)
    assert options.embedding_size == 3
    model, _ = TASK.prepare(options, splits)
    assert model.notes == ("word vectors: 3 of 6 tokens found in words.vec (3 features each)",)
    words = model.parts["inputs"].vocabulary
    tokens = words.encode(["good bad film"]).values[:3]
    wanted = torch.tensor([[1, 0, 0.5], [-1, 0, -0.5], [0, 1, 0]])
    torch.testing.assert_close(model.module.body.input.weight[tokens], wanted)  # type: ignore[union-attr]
    assert not model.module.body.input.weight[0].any()  # type: ignore[union-attr]


def test_word_vectors_with_more_numbers_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "words.vec"
    path.write_text("good 1 0\nbad -1 0 7\nfilm 0 1\n. . 0 1\nactor 0 1 8\n")
    splits = Splits(Examples(TEXTS, np.array(FEELINGS), "texts"))
    options = TASK.choose(ClassifyOptions(word_vectors=str(path), min_frequency=1), splits)
    assert TASK.prepare(options, splits)[0].notes == (
        "word vectors: 2 of 6 tokens found in words.vec (2 features each); 2 lines with more numbers are "
        "left out, the first is line 2",
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("good 1 2\nbad 1\n", "expected 2 numbers in every line, got 1 in line 2."),
        (
            "good 1 x\n",
            "expected numbers behind the word in line 1 (could not convert string to float: 'x').",
        ),
        ("bad 1 2\ngood nan 2\n", "expected finite numbers, got NaN or infinity in line 2."),
        (
            "else 1 2\n",
            "expected vectors of words in the data, found none of 2. Are the words written in the",
        ),
        ("", "expected lines of a word and its numbers, got ''."),
    ],
)
def test_bad_word_vectors(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        read_word_vectors(path, {"good": 2, "bad": 3})
    assert str(error.value).startswith(f"{path}: {expected}")


def test_an_embedding_size_that_the_vectors_do_not_have(tmp_path: Path) -> None:
    path = tmp_path / "words.vec"
    path.write_text("good 1 2 3\n")
    with pytest.raises(ArgumentError) as error:
        Classifier(word_vectors=str(path), embedding_size=5).fit(TEXTS, FEELINGS)
    assert str(error.value) == ("embedding_size: expected 3, as the word vectors have, got 5. Leave it out.")


def test_mixed_batches_say_what_they_pad() -> None:
    texts = [f"{'word ' * (3 + 40 * (row % 2))}{text}" for row, text in enumerate(TEXTS * 20)]
    splits = Splits(Examples(texts, np.array(FEELINGS * 20), "texts"))
    options = TASK.choose(ClassifyOptions(batches="mixed", batch_size=8, hidden_size=4), splits)
    model, learner = TASK.prepare(options, splits)
    mixed, by_length = (float(share) for share in re.findall(r"([\d.]+)%", model.notes[-1]))
    assert model.notes[-1].startswith("batches mixed: ")
    assert mixed == pytest.approx(100 * learner.padding(learner.batches(1)), abs=0.05)
    assert by_length < 10 < 30 < mixed


def test_a_baseline_that_learns_from_a_share_says_of_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.tasks.pooled.baselines.MOST", 30)
    examples = Examples(Sequences.from_dense(X[:60]), Y[:60], "digits")
    model, _ = TASK.prepare(TASK.choose(ClassifyOptions(hidden_size=4), Splits(examples)), Splits(examples))
    rules = list(TASK.baselines(model, examples, examples))
    assert rules[0] == "majority"
    (share,) = re.fullmatch(r"summary features, from (\d+) of 60", rules[1]).groups()  # type: ignore[union-attr]
    assert 25 <= int(share) <= 35


def test_baselines_look_at_few_long_texts_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("elman.tasks.pooled.baselines.PIECE", 3_000)
    lines = [f"{row % 2},{'word ' * 100}{row}\n" for row in range(40)]
    (tmp_path / "texts.csv").write_text("label,text\n" + "".join(lines))
    examples = read_table(tmp_path / "texts.csv", Columns())[0]
    parts = list(_in_turn(examples))
    assert [text for part in parts for text in part.inputs] == list(examples.inputs)  # type: ignore[arg-type]
    assert {len(part) for part in parts[:-1]} == {5}
    monkeypatch.setattr("elman.tasks.pooled.baselines.PIECE", 1)
    assert {len(part) for part in _in_turn(examples)} == {1}
