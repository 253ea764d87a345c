"""The estimators with scikit-learn's tools: clone, parameters, pipelines, cross-validation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import elman

SMALL: dict[str, Any] = {"hidden_size": 6, "epochs": 1}
DIGITS = load_digits(n_class=3)
IMAGES, TARGET = DIGITS.images[:90] / 16, DIGITS.target[:90]  # type: ignore[attr-defined]
LINES = [line for line in DIGITS.DESCR.splitlines() if line.strip()]  # type: ignore[attr-defined]
WORDS = [line.split() for line in LINES if len(line.split()) > 2][:30]
CAPITAL = [["Capital" if word[0].isupper() else "small" for word in words] for words in WORDS]
HOURS = [datetime(2026, 1, 1) + timedelta(hours=hour) for hour in range(90)]
TABLE = pl.DataFrame({"ds": HOURS, "y": IMAGES.mean((1, 2)).astype(np.float64)})

CASES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "classify": (elman.Classifier(**SMALL), (IMAGES, TARGET)),
    "regress": (elman.Regressor(**SMALL), (IMAGES, IMAGES.mean((1, 2)))),
    "tag": (elman.Tagger(**SMALL), (WORDS, CAPITAL)),
    "forecast": (elman.Forecaster(**SMALL, horizon=4, lookback=8), (TABLE,)),
    "generate": (elman.LanguageModel(**SMALL), (LINES,)),
}


@pytest.mark.parametrize("task", CASES)
def test_manners(task: str) -> None:
    estimator, data = CASES[task]
    other = clone(estimator)
    assert other.get_params() == estimator.get_params()
    assert other.set_params(hidden_size=7) is other
    assert (other.hidden_size, estimator.hidden_size) == (7, 6)
    with pytest.raises(ValueError, match="Invalid parameter 'hiden' for estimator"):
        other.set_params(hiden=1)
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        other.score(*data)
    pipeline = make_pipeline(FunctionTransformer(), clone(estimator)).fit(*data)
    alone = clone(estimator).fit(*data)
    assert pipeline.score(*data) == alone.score(*data)
    assert not hasattr(estimator, "model_")


@pytest.mark.parametrize("task", ["classify", "regress", "tag", "generate"])
def test_cross_validation(task: str) -> None:
    estimator, data = CASES[task]
    scores = cross_val_score(estimator, *data, cv=3)
    assert len(set(scores)) > 1
    assert np.isfinite(scores).all()
