"""Spans in sequences of labels such as B-PER I-PER O, and their F1, by the rules of CoNLL's scorer and of
seqeval.

Schemes: IOB1, IOB2, IOE, IOBES, BILOU and BMES, read alike: a label is a prefix and, behind a hyphen, the
kind of the span.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

#: the prefixes, with those of other schemes as the ones that mean the same: U for S, L for E, M for I
PREFIXES = {"B": "B", "I": "I", "E": "E", "S": "S", "U": "S", "L": "E", "M": "I"}
OUTSIDE = "O"

Span = tuple[int, int, str]


def are_spans(labels: Iterable[object]) -> bool:
    """Whether these are the labels of a scheme: O, and others that all have a prefix and a kind."""
    marked = [label for label in labels if label != OUTSIDE]
    return bool(marked) and all(
        isinstance(label, str) and label[:1] in PREFIXES and label[1:2] == "-" for label in marked
    )


def spans_of(labels: Sequence[str]) -> list[Span]:
    """(first step, step behind the last, kind) of each span of one sequence.

    A label goes on with a span if it is an I or E of the same kind behind a B or I; any other begins one.
    """
    spans: list[Span] = []
    before, kind, start = OUTSIDE, "", 0
    for step, label in enumerate((*labels, OUTSIDE)):
        prefix, now = PREFIXES.get(label[:1], OUTSIDE), label[2:]
        if not (before in "BI" and prefix in "IE" and kind == now):
            if before != OUTSIDE:
                spans.append((start, step, kind))
            start = step
        before, kind = prefix, now
    return spans


def span_figures(truth: Iterable[Sequence[str]], said: Iterable[Sequence[str]]) -> dict[str, float]:
    """Over all sequences: span_precision, span_recall and span_f1; 0 where nothing was found or said."""
    right, found, there = _counts(truth, said)
    precision, recall, f1 = _f1(right.total(), found.total(), there.total())
    return {"span_precision": precision, "span_recall": recall, "span_f1": f1}


def span_f1_by_kind(truth: Iterable[Sequence[str]], said: Iterable[Sequence[str]]) -> dict[str, float]:
    """The F1 of the spans of each kind, for the kinds of either."""
    right, found, there = _counts(truth, said)
    return {kind: _f1(right[kind], found[kind], there[kind])[2] for kind in sorted({*found, *there})}


def _counts(
    truth: Iterable[Sequence[str]], said: Iterable[Sequence[str]]
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """By kind, the spans that are right (same steps, same kind), those said, and those there are."""
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for labels, guesses in zip(truth, said, strict=True):
        true, guessed = set(spans_of(labels)), set(spans_of(guesses))
        right.update(kind for _, _, kind in true & guessed)
        found.update(kind for _, _, kind in guessed)
        there.update(kind for _, _, kind in true)
    return right, found, there


def _f1(right: int, found: int, there: int) -> tuple[float, float, float]:
    """(precision, recall, F1)."""
    precision, recall = right / found if found else 0.0, right / there if there else 0.0
    return precision, recall, 2 * right / (found + there) if found + there else 0.0
