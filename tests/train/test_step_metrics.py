"""Figures of labels for steps, counted some at a time, beside those of scikit-learn."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from elman.train import metrics
from elman.train.step_metrics import one_label_figures, several_label_figures


@pytest.mark.parametrize("block", [7, 1_000])
def test_one_label_a_step(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "BLOCK", block)
    generator = np.random.default_rng(6)
    truth = generator.choice([0, 1, 3], 63).astype(np.int32)  # never 2 and 4, of which 4 is not said either
    said = np.where(generator.random(63) < 0.5, truth, generator.choice(4, 63))
    figures = one_label_figures(truth, said, np.array([60, 3]), "abcde")
    columns = precision_recall_fscore_support(truth, said, labels=range(5), zero_division=0.0)  # type: ignore
    for row, label, values in zip(figures["by_label"], "abcde", np.transpose(columns), strict=True):
        assert row == pytest.approx({"label": label, **dict(zip(list(row)[1:], values, strict=True))})
    assert figures["accuracy"] == pytest.approx(accuracy_score(truth, said))
    assert figures["macro_f1"] == pytest.approx(f1_score(truth, said, average="macro"))
    assert figures["confusion"] == confusion_matrix(truth, said, labels=range(5)).tolist()
    assert (figures["sequences"], figures["steps"]) == (2, 63)


def test_figures_do_not_hold_every_step() -> None:
    """Neither as texts, of which spans are made, nor in the temporaries of its counts."""
    truth = np.random.default_rng(7).integers(0, 3, 300_000, dtype=np.int32)
    tracemalloc.start()
    figures = one_label_figures(truth, truth[::-1], np.full(3_000, 100), ("B-PER", "I-PER", "O"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.1 < figures["span_f1"] < 0.9
    assert peak < 8 * len(truth)


@pytest.mark.parametrize("pieces", [1, 7])
def test_several_labels_a_step(pieces: int) -> None:
    generator = np.random.default_rng(5)
    truth = (generator.random((63, 5)) < [0.5, 0.1, 0.0, 0.9, 0.0]).astype(np.float32)
    said = (generator.random((63, 5)) < [0.4, 0.2, 0.1, 0.9, 0.0]).astype(np.int8)
    pairs = zip(np.array_split(truth, pieces), np.array_split(said, pieces), strict=True)
    figures = several_label_figures(pairs, np.array([60, 3]), "abcde")
    columns = precision_recall_fscore_support(truth, said, zero_division=0.0)  # type: ignore[arg-type]
    for row, label, values in zip(figures["by_label"], "abcde", np.transpose(columns), strict=True):
        assert row == pytest.approx({"label": label, **dict(zip(list(row)[1:], values, strict=True))})
    assert figures["accuracy"] == pytest.approx((truth == said).mean())
    assert figures["micro_f1"] == pytest.approx(f1_score(truth, said, average="micro"))
    assert figures["macro_f1"] == pytest.approx(np.mean(columns[2][:4]))
    assert (figures["sequences"], figures["steps"]) == (2, 63)


def test_no_label_at_all() -> None:
    nothing = np.zeros((3, 2))
    figures = several_label_figures([(nothing, nothing)], np.array([3]), "ab")
    assert (figures["accuracy"], figures["micro_f1"], figures["macro_f1"]) == (1.0, 0.0, 0.0)
