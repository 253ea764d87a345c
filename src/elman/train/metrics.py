"""Figures of classification, and the baseline beside them.

Dimensions: N examples, K classes; `truth` and `said` are (N,) numbers of classes, 0 to K - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.text import Text
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from elman.train.sheet import Sheet

MOST_CLASSES = 20  # up to which the confusion table is kept and shown


def class_figures(truth: np.ndarray, said: np.ndarray, classes: int) -> dict[str, Any]:
    """Accuracy; F1 as the mean over the classes that occur; confusion counts (rows: truth) if K is small."""
    figures: dict[str, Any] = {
        "accuracy": float(accuracy_score(truth, said)),
        "macro_f1": float(f1_score(truth, said, average="macro", zero_division=0.0)),  # type: ignore
        "sequences": len(truth),
    }
    if classes <= MOST_CLASSES:
        figures["confusion"] = confusion_matrix(truth, said, labels=list(range(classes))).tolist()
    return figures


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -log of the true class's probability, in nats; probabilities (N, K)."""
    chances = np.clip(probabilities[np.arange(len(truth)), truth], 1e-12, None)
    return float(-np.log(chances).mean())


def majority_figures(counts: Sequence[int], truth: np.ndarray) -> dict[str, Any]:
    """Of always saying the most frequent class of the training data, whose `counts` (K,) are given."""
    said = np.full_like(truth, int(np.argmax(counts)))
    figures = class_figures(truth, said, MOST_CLASSES + 1)
    return {name: figures[name] for name in ("accuracy", "macro_f1")}


def confusion_table(confusion: Sequence[Sequence[int]], classes: Sequence[Any]) -> Sheet:
    """The confusion counts as a table for the terminal."""
    rows = []
    for k, (label, row) in enumerate(zip(classes, confusion, strict=True)):
        cells = [Text(str(n), "bold") if j == k else str(n) if n else "·" for j, n in enumerate(row)]
        rows.append([str(label), *cells])
    return Sheet(["", *map(str, classes)], rows, "confusion (truth down, prediction across)")
