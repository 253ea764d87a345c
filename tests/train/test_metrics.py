"""Figures: against counts made by hand."""

from __future__ import annotations

import math

import numpy as np

from elman.train.metrics import class_figures, log_loss, majority_figures

TRUTH = np.array([0, 0, 0, 1, 1, 2])
SAID = np.array([0, 0, 1, 1, 0, 2])


def test_figures() -> None:
    figures = class_figures(TRUTH, SAID, 3)
    assert math.isclose(figures["accuracy"], 4 / 6)
    assert math.isclose(figures["macro_f1"], (2 / 3 + 1 / 2 + 1) / 3)
    assert figures["confusion"] == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert figures["sequences"] == 6
    assert "confusion" not in class_figures(TRUTH, SAID, 21)


def test_log_loss() -> None:
    probabilities = np.array([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]])
    assert math.isclose(log_loss(np.array([0, 1, 0]), probabilities), -(math.log(0.5) + math.log(0.9)) / 3)


def test_majority_comes_from_the_training_data() -> None:
    figures = majority_figures([1, 9, 2], TRUTH)
    assert math.isclose(figures["accuracy"], 2 / 6)
    assert math.isclose(figures["macro_f1"], (2 * 2 / (6 + 2)) / 3)
