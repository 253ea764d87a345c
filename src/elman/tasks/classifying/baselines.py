"""Simple rules for classification, to stand beside the network: logistic regression.

Dimensions: N sequences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from elman.data import Examples
from elman.data.splits import stratified_share
from elman.tasks.pooled.baselines import BAG, SUMMARY, TFIDF, learned_rules
from elman.train.metrics import class_figures, log_loss

STRENGTH = {BAG: 0.1, TFIDF: 10.0, SUMMARY: 1.0}  # the usual ones: counts overfit, TF-IDF does not


def learned_classifiers(
    train: Examples, y: np.ndarray, part: Examples, truth: np.ndarray, classes: int
) -> dict[str, dict[str, Any]]:
    """By name, the figures on `part` of rules learned from `train`; see `learned_rules`.

    y (N,), truth: numbers of the classes. A rule that knows of one class only is left out.
    """
    if len(np.unique(y)) < 2:
        return {}

    def measured(rule: Pipeline, pieces: Iterator[Any]) -> dict[str, Any]:
        probabilities = np.zeros((len(truth), classes))
        probabilities[:, rule[-1].classes_] = np.concatenate([rule.predict_proba(read) for read in pieces])
        values = class_figures(truth, probabilities.argmax(1), classes)
        chosen = {key: values[key] for key in ("accuracy", "macro_f1")}
        return {**chosen, "loss": log_loss(truth, probabilities)}

    last = {name: LogisticRegression(C=strength, max_iter=300) for name, strength in STRENGTH.items()}
    return learned_rules(
        train,
        y,
        part,
        last=last,
        share=lambda share: stratified_share(y, 1 - share, seed=0)[0],
        measured=measured,
    )
