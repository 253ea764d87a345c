"""Leak: whether the first step of a sequence gives its label away.

Dimensions: N sequences, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

FOLDS = 3


@dataclass(frozen=True)
class FirstStep:
    """accuracy: of a decision tree that reads the first step alone, on sequences that it was not trained on.
    frequent: share of the most frequent label. feature: the number of the feature that it goes by, from 1."""

    accuracy: float
    frequent: float
    feature: int


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
    feature = int(tree.fit(table, codes).feature_importances_.argmax()) + 1
    return FirstStep(accuracy, float(counts.max() / counts.sum()), feature)
