"""Figures of classification, and the baseline beside them.

Dimensions: N examples, K classes; `truth` and `said` are (N,) numbers of classes, 0 to K - 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.text import Text

from elman.train.sheet import Sheet

MOST_CLASSES = 20  # up to which the confusion table is kept and shown
BLOCK = 1 << 16  # examples that are counted at a time


def class_figures(truth: np.ndarray, said: np.ndarray, classes: int) -> dict[str, Any]:
    """Accuracy; F1 as the mean over the classes that occur; confusion counts (rows: truth) if K is small."""
    hits, had, got = class_counts(truth, said, classes)
    figures: dict[str, Any] = {
        "accuracy": float(hits.sum() / max(len(truth), 1)),
        "macro_f1": float((2 * hits / np.maximum(had + got, 1))[had + got > 0].mean()) if len(truth) else 0.0,
        "sequences": len(truth),
    }
    if classes <= MOST_CLASSES:
        counts = np.zeros(classes**2, dtype=np.int64)
        for true, answer in _blocks(truth, said):
            counts += np.bincount(true.astype(np.int64) * classes + answer, minlength=classes**2)
        figures["confusion"] = counts.reshape(classes, classes).tolist()
    return figures


def class_counts(truth: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """(3, K): of each class, how many are right, how many there are, and how many were said."""
    counts = np.zeros((3, classes), dtype=np.int64)
    for true, answer in _blocks(truth, said):
        for row, numbers in zip(counts, (true[true == answer], true, answer), strict=True):
            row += np.bincount(numbers, minlength=classes)
    return counts


def _blocks(truth: np.ndarray, said: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Both, some at a time: they can be the steps of a whole data set, on disk."""
    for begin in range(0, len(truth), BLOCK):
        yield truth[begin : begin + BLOCK], said[begin : begin + BLOCK]


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -log of the true class's probability, in nats; probabilities (N, K)."""
    chances = np.clip(probabilities[np.arange(len(truth)), truth], 1e-12, None)
    return float(-np.log(chances).mean())


def majority_figures(counts: Sequence[int], truth: np.ndarray) -> dict[str, Any]:
    """Of always saying the most frequent class of the training data, whose `counts` (K,) are given."""
    said = np.full_like(truth, int(np.argmax(counts)))
    figures = class_figures(truth, said, max(len(counts), MOST_CLASSES + 1))
    return {name: figures[name] for name in ("accuracy", "macro_f1")}


def confusion_table(confusion: Sequence[Sequence[int]], classes: Sequence[Any]) -> Sheet:
    """The confusion counts as a table for the terminal."""
    rows = []
    for k, (label, row) in enumerate(zip(classes, confusion, strict=True)):
        cells = [Text(str(n), "bold") if j == k else str(n) if n else "·" for j, n in enumerate(row)]
        rows.append([str(label), *cells])
    return Sheet(["", *map(str, classes)], rows, "confusion (truth down, prediction across)")
