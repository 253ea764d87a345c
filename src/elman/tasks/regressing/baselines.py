"""Simple rules for regression, to stand beside the network: the mean, and ridge regression.

Dimensions: N sequences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.pipeline import Pipeline

from elman.data import Examples
from elman.tasks.pooled.baselines import BAG, SUMMARY, TFIDF, learned_rules

STRENGTHS = np.logspace(-2, 4, 13)  # of the summary's ridge, chosen by leaving one out


def error_figures(truth: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    """rmse, mae: in the units of the targets. r2: share of the targets' variance that is explained, 1 at best
    and below 0 where their mean would be nearer; left out of fewer than two targets, or equal ones.
    """
    figures: dict[str, Any] = {
        "rmse": float(mean_squared_error(truth, said)) ** 0.5,
        "mae": float(mean_absolute_error(truth, said)),
    }
    return figures | ({"r2": float(r2_score(truth, said))} if len(np.unique(truth)) > 1 else {})


def learned_regressions(
    train: Examples, y: np.ndarray, part: Examples, truth: np.ndarray
) -> dict[str, dict[str, Any]]:
    """By name, the figures on `part` of rules learned from `train` with its targets y (N,)."""

    def measured(rule: Pipeline, pieces: Iterator[Any]) -> dict[str, Any]:
        return error_figures(truth, np.concatenate([rule.predict(read) for read in pieces]))

    def share(of: float) -> np.ndarray:
        count = max(round(of * len(y)), 2)
        return np.sort(np.random.default_rng(0).permutation(len(y))[:count])

    last = {BAG: Ridge(10.0), TFIDF: Ridge(1.0), SUMMARY: RidgeCV(STRENGTHS)}
    return learned_rules(train, y, part, last=last, share=share, measured=measured)
