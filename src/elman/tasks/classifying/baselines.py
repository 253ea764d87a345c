"""Simple rules for classification, to stand beside the network: bags of words, and summaries of series.

Dimensions: N sequences, T steps, F features.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from elman.data import Examples, Sequences
from elman.data.splits import stratified_share
from elman.data.text_store import StoredTexts
from elman.train.metrics import class_figures, log_loss

MOST = 10_000  # training series that are learned from; larger sets give a share of each class
MOST_TEXT = 200 << 20  # bytes of training texts that are learned from, likewise: their counts are in memory
WORDS = r"(?u)\b\w+\b"  # also of one letter


def learned_rules(
    train: Examples, y: np.ndarray, part: Examples, truth: np.ndarray, classes: int
) -> dict[str, dict[str, Any]]:
    """By name, the figures on `part` of rules learned from `train`, with the seconds that each took.

    For texts: logistic regression on counts of words, and on TF-IDF of words and pairs of words. For series:
    on the summary features of `summary`. What is learned from a share of the training data says of how many.

    y (N,), truth: numbers of the classes. A rule that knows of one class only is left out.
    """
    if len(np.unique(y)) < 2:
        return {}
    if isinstance(train.inputs, Sequences):
        kept, name = _share(y, MOST / len(y), "summary features")
        series, other = train.select(kept).inputs, part.inputs
        rule = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        called = {name: (rule, lambda: summary(cast(Sequences, series)))}
        return _figures(called, y[kept], lambda: summary(cast(Sequences, other)), truth, classes)
    size = train.inputs.size if isinstance(train.inputs, StoredTexts) else 1
    kept, name = _share(y, MOST_TEXT / max(size, 1), "")
    y, texts, others = y[kept], train.select(kept).inputs, part.inputs
    rules = {
        "bag of words": CountVectorizer(token_pattern=WORDS, binary=True),
        "TF-IDF": TfidfVectorizer(token_pattern=WORDS, ngram_range=(1, 2), min_df=2, sublinear_tf=True),
    }
    strength = {"bag of words": 0.1, "TF-IDF": 10.0}  # the usual ones: counts overfit, TF-IDF does not
    called = {
        rule + name: (make_pipeline(words, LogisticRegression(C=strength[rule], max_iter=300)), lambda: texts)
        for rule, words in rules.items()
    }
    return _figures(called, y, lambda: others, truth, classes)


def _share(y: np.ndarray, share: float, name: str) -> tuple[np.ndarray, str]:
    """(rows that are such a share of each class, all for 1 and more; the name of what is learned of them)."""
    if share >= 1:
        return np.arange(len(y)), name
    kept, _ = stratified_share(y, 1 - share, seed=0)
    return kept, f"{name} of {len(kept):,}"


def _figures(
    rules: dict[str, tuple[Pipeline, Callable[[], Any]]],
    y: np.ndarray,
    other: Callable[[], Any],
    truth: np.ndarray,
    classes: int,
) -> dict[str, dict[str, Any]]:
    """Of rules with what they learn from; a rule with no words to learn from is left out."""
    figures = {}
    for name, (rule, inputs) in rules.items():
        began = time.perf_counter()
        try:
            rule.fit(inputs(), y)
        except ValueError as error:
            if "vocabulary" in str(error) or "no terms remain" in str(error):
                continue
            raise
        known = rule.predict_proba(other())
        probabilities = np.zeros((len(truth), classes))
        probabilities[:, rule[-1].classes_] = known
        values = class_figures(truth, probabilities.argmax(1), classes)
        chosen = {key: values[key] for key in ("accuracy", "macro_f1")}
        seconds = time.perf_counter() - began
        figures[name] = {**chosen, "loss": log_loss(truth, probabilities), "seconds": seconds}
    return figures


def summary(series: Sequences) -> np.ndarray:
    """(N, 7 F + 1): mean, deviation, least, largest, first, last, mean step; and the length."""
    rows = np.zeros((len(series), 7 * series.features + 1))
    for place in range(len(series)):
        start, length = int(series.starts[place]), int(series.lengths[place])
        if length:
            x = series.values[start : start + length].double()
            step = (x[-1] - x[0]) / max(length - 1, 1)
            found = (x.mean(0), x.std(0, correction=0), x.amin(0), x.amax(0), x[0], x[-1], step)
            rows[place, :-1] = torch.cat(found).numpy()
        rows[place, -1] = length
    return rows
