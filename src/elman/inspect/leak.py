"""Leak: whether the first step of a sequence gives its label, or its number, away.

Dimensions: N sequences, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

FOLDS = 3
LEAVES = 256  # of a tree that says numbers


@dataclass(frozen=True)
class FirstStep:
    """share: of the labels, or of the variance of the numbers, that a decision tree tells which reads the
    first step alone, on sequences that it was not trained on. frequent: share of the most frequent label, 0
    for numbers. feature: the number of the feature that it goes by, from 1. numbers: whether it is numbers
    that are told."""

    share: float
    frequent: float
    feature: int
    numbers: bool = False


def first_step(values: np.ndarray, labels: np.ndarray) -> FirstStep | None:
    """For the first steps (N, F) numbers or (N,) tokens, and labels (N,) of each sequence.

    None where fewer than two labels are there often enough.
    """
    table = values.reshape(len(values), -1)
    kinds, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    kept = (counts >= FOLDS)[codes]
    if len(kinds[counts >= FOLDS]) < 2:
        return None
    table, codes = table[kept], codes[kept]
    tree = DecisionTreeClassifier(max_leaf_nodes=4 * len(kinds), random_state=0)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    accuracy = float(cross_val_score(tree, table, codes, cv=folds).mean())
    return FirstStep(accuracy, float(counts.max() / counts.sum()), _feature(tree, table, codes))


def first_step_of_numbers(values: np.ndarray, targets: np.ndarray) -> FirstStep | None:
    """For the first steps (N, F) numbers or (N,) tokens, and the number (N,) that is to be told of each.

    None of fewer than two sequences a fold, or numbers that are all the same.
    """
    if len(targets) < 2 * FOLDS or not np.ptp(targets):
        return None
    table, targets = values.reshape(len(values), -1), targets.astype(np.float64)
    tree = DecisionTreeRegressor(max_leaf_nodes=LEAVES, random_state=0)
    said = cross_val_predict(tree, table, targets, cv=KFold(FOLDS, shuffle=True, random_state=0))
    share = 1.0 - float(np.square(said - targets).mean() / targets.var())
    return FirstStep(share, 0.0, _feature(tree, table, targets), numbers=True)


def _feature(
    tree: DecisionTreeClassifier | DecisionTreeRegressor, table: np.ndarray, answers: np.ndarray
) -> int:
    """The number, from 1, of the feature that a tree goes by."""
    return int(tree.fit(table, answers).feature_importances_.argmax()) + 1
