"""Figures of labels for steps: one a step, or several.

Dimensions: S steps in all, K labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from elman.train.metrics import class_counts, class_figures
from elman.train.sheet import Sheet
from elman.train.spans import are_spans, span_f1_by_kind, span_figures

MOST_ROWS = 30  # labels that the table lists, the most frequent first


def one_label_figures(
    truth: np.ndarray, said: np.ndarray, lengths: np.ndarray, labels: Sequence[Any]
) -> dict[str, Any]:
    """Accuracy, the mean F1 of the labels that occur, span F1 where the labels are of spans; F1 by label.

    truth, said: (S,) numbers of labels, one sequence after the other. lengths: (N,).
    """
    figures = class_figures(truth, said, len(labels))
    figures["sequences"], figures["steps"] = len(lengths), len(truth)
    if are_spans(labels):
        figures |= span_figures(*(_named(codes, lengths, labels) for codes in (truth, said)))
        by_kind = span_f1_by_kind(*(_named(codes, lengths, labels) for codes in (truth, said)))
        figures["span_f1_by_kind"] = by_kind
    hits, had, got = class_counts(truth, said, len(labels))
    shares = (_ratio(hits, got), _ratio(hits, had), _ratio(2 * hits, had + got))
    figures["by_label"] = _by_label(labels, *shares, had)
    return figures


def _named(codes: np.ndarray, lengths: np.ndarray, labels: Sequence[Any]) -> Iterator[list[str]]:
    """The labels of one sequence after the other: of all at once they would take much more than numbers."""
    names = [str(label) for label in labels]
    for end, length in zip(np.cumsum(lengths), lengths, strict=True):
        yield [names[code] for code in codes[end - length : end].tolist()]


def several_label_figures(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], lengths: np.ndarray, labels: Sequence[Any]
) -> dict[str, Any]:
    """Accuracy of all S K answers, F1 of all together, the mean F1 of the labels that occur; F1 by label.

    pairs: (truth, said) of some steps at a time, each (n, K) numbers 0 and 1. lengths: (N,).
    """
    hits, had, got = (np.zeros(len(labels), dtype=np.int64) for _ in range(3))
    for truth, said in pairs:
        hits += ((truth > 0) & (said > 0)).sum(0)
        had += (truth > 0).sum(0)
        got += (said > 0).sum(0)
    f1, steps = _ratio(2 * hits, had + got), int(lengths.sum())
    occurring = had + got > 0
    return {
        "accuracy": 1.0 - float((had + got - 2 * hits).sum()) / max(steps * len(labels), 1),
        "micro_f1": float(_ratio(2 * hits.sum(), (had + got).sum())),
        "macro_f1": float(f1[occurring].mean()) if occurring.any() else 0.0,
        "sequences": len(lengths),
        "steps": steps,
        "by_label": _by_label(labels, _ratio(hits, got), _ratio(hits, had), f1, had),
    }


def _ratio(part: Any, whole: Any) -> np.ndarray:
    """0 where nothing is there to be divided."""
    return np.asarray(part) / np.maximum(whole, 1)


def _by_label(labels: Sequence[Any], *columns: Any) -> list[dict[str, Any]]:
    rows = zip(labels, *(np.asarray(column).tolist() for column in columns), strict=True)
    names = ("label", "precision", "recall", "f1", "steps")
    return [dict(zip(names, (str(row[0]), *row[1:]), strict=True)) for row in rows]


def label_table(by_label: Sequence[Mapping[str, Any]]) -> Sheet:
    """Precision, recall and F1 of each label, the most frequent first."""
    frequent = sorted(by_label, key=lambda row: -row["steps"])
    listed = [row for row in frequent if row["steps"]][:MOST_ROWS]
    title = "labels" if len(listed) == len(by_label) else f"labels ({len(listed)} of {len(by_label)})"
    shares = ("precision", "recall", "f1")
    rows = [[row["label"], *(f"{row[name]:.2%}" for name in shares), f"{row['steps']:,}"] for row in listed]
    return Sheet(["", *shares, "steps"], rows, title)
