"""Figures of several labels a step, counted some steps at a time, beside those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from elman.train.step_metrics import several_label_figures


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
