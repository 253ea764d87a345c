"""Simple rules that answer for a whole sequence, to stand beside the network: on bags of words, and on
summaries of series.

Dimensions: N sequences, F features.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from elman.data import Examples, Sequences
from elman.data.text_store import StoredTexts

BAG, TFIDF, SUMMARY = "bag of words", "TF-IDF", "summary features"
MOST = 10_000  # training series that are learned from; of larger sets a share; examples looked at together
MOST_TEXT = 200 << 20  # bytes of training texts that are learned from, likewise: their counts are in memory
PIECE = 16 << 20  # bytes of texts that are looked at together, about
WORDS = r"(?u)\b\w+\b"  # also of one letter


def learned_rules(
    train: Examples,
    y: np.ndarray,
    part: Examples,
    *,
    last: Mapping[str, Any],
    share: Callable[[float], np.ndarray],
    measured: Callable[[Pipeline, Iterator[Any]], dict[str, Any]],
) -> dict[str, dict[str, Any]]:
    """By name, the figures on `part` of rules learned from `train`, with the seconds that each took.

    What is learned from a share of the training data says how many those are; a rule with no words to learn
    from is left out.

    y: (N,) the answers. last: by the name of a rule (`BAG`, `TFIDF`, `SUMMARY`) the estimator that reads its
    features. share: the rows that are such a share of the training data. measured: the figures of a fitted
    rule, given what it reads of `part`, some sequences at a time.
    """
    features: dict[str, Any]
    if isinstance(train.inputs, Sequences):
        size, most, read = len(y), MOST, summary
        features = {SUMMARY: StandardScaler()}
    else:
        size = train.inputs.size if isinstance(train.inputs, StoredTexts) else 1
        most, read = MOST_TEXT, _as_they_are
        features = {
            BAG: CountVectorizer(token_pattern=WORDS, binary=True),
            TFIDF: TfidfVectorizer(token_pattern=WORDS, ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        }
    rows, of = np.arange(len(y)), ""
    if size > most:
        rows = share(most / size)
        of = f", from {len(rows):,} of {len(y):,}"
    inputs, figures = train.select(rows).inputs, {}
    for name, taken in features.items():
        rule, began = make_pipeline(taken, last[name]), time.perf_counter()
        try:
            rule.fit(read(inputs), y[rows])
        except ValueError as error:
            if "vocabulary" in str(error) or "no terms remain" in str(error):
                continue
            raise
        found = measured(rule, (read(some.inputs) for some in _in_turn(part)))
        figures[name + of] = {**found, "seconds": time.perf_counter() - began}
    return figures


def _in_turn(part: Examples) -> Iterator[Examples]:
    """The examples, some at a time: what rules read of one can be more than the example itself."""
    some = MOST
    if isinstance(part.inputs, StoredTexts) and part.inputs.size:  # of long texts fewer
        some = max(min(some, len(part) * PIECE // part.inputs.size), 1)
    for begin in range(0, len(part), some):
        yield part.select(np.arange(begin, min(begin + some, len(part))))


def _as_they_are(texts: Any) -> Any:
    return texts


def summary(series: Any) -> np.ndarray:
    """(N, 7 F + 1): mean, deviation, least, largest, first, last, mean step; and the length."""
    series = cast(Sequences, series)
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
