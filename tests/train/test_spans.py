"""Spans by CoNLL's rules: each scheme, and what a scheme does not allow, as seqeval reads it."""

from __future__ import annotations

import pytest

from elman.train.spans import are_spans, span_f1_by_kind, span_figures, spans_of


@pytest.mark.parametrize(
    ("labels", "spans"),
    [
        ("O B-X I-X O B-Y", [(1, 3, "X"), (4, 5, "Y")]),
        ("B-X B-X I-X", [(0, 1, "X"), (1, 3, "X")]),  # IOB2: neighbours of one kind
        ("I-X I-X O I-Y B-Y", [(0, 2, "X"), (3, 4, "Y"), (4, 5, "Y")]),  # IOB1
        ("I-X E-X E-X", [(0, 2, "X"), (2, 3, "X")]),  # IOE2
        ("B-X I-X E-X S-X S-Y O", [(0, 3, "X"), (3, 4, "X"), (4, 5, "Y")]),  # IOBES
        ("B-X M-X L-X U-Y", [(0, 3, "X"), (3, 4, "Y")]),  # BMES, BILOU
        ("B-X I-Y I-Y", [(0, 1, "X"), (1, 3, "Y")]),  # another kind begins another span
        ("O I-X S-X I-X", [(1, 2, "X"), (2, 3, "X"), (3, 4, "X")]),  # nothing goes on behind an S
        ("B-X-1 I-X-1", [(0, 2, "X-1")]),
        ("O O", []),
        ("", []),
    ],
)
def test_spans(labels: str, spans: list[tuple[int, int, str]]) -> None:
    assert spans_of(labels.split()) == spans


def test_figures() -> None:
    truth = [["B-X", "I-X", "O", "B-Y"], ["B-Y", "O"], []]
    said = [["B-X", "I-X", "O", "B-X"], ["B-Y", "B-Y"], []]
    assert span_figures(truth, said) == {
        "span_precision": 2 / 4,
        "span_recall": 2 / 3,
        "span_f1": pytest.approx(4 / 7),
    }
    assert span_f1_by_kind(truth, said) == {"X": pytest.approx(2 / 3), "Y": 0.5}
    assert span_figures([["O"]], [["O"]])["span_f1"] == 0.0


@pytest.mark.parametrize(
    ("labels", "are"),
    [
        ("B-PER I-PER O", True),
        ("S-LOC O", True),
        ("NOUN VERB", False),
        ("O", False),
        ("B-PER NOUN", False),
        ("B I O", False),
    ],
)
def test_labels_of_a_scheme(labels: str, are: bool) -> None:
    assert are_spans(labels.split()) is are
    assert not are_spans([0, 1])
