"""Simple rules beside a tagger, each learned from the training data in a moment.

Dimensions: S steps in all, K labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from elman.data import Sequences
from elman.data.steps import StepTokens
from elman.data.tagged import Tagged, is_roll
from elman.tasks.tagging.labels import StepLabels
from elman.train.step_metrics import one_label_figures, several_label_figures

Figures = dict[str, dict[str, Any]]


def one_label_baselines(
    part: Tagged, train: Tagged | None, labels: StepLabels, counts: np.ndarray
) -> Figures:
    """The most frequent label and, for tokens, the most frequent label of the token.

    counts: (K,), of the training data. A token that is not there gets the label that tokens which look like
    it, and were seen once, have most often.
    """
    truth = labels.encode(part).values[:-1].numpy()
    answers = {"majority": np.broadcast_to(truth.dtype.type(counts.argmax()), truth.shape)}
    if train is not None and not isinstance(train.inputs, Sequences):
        answers["most frequent label of the token"] = _by_token(part, train, labels)
    figures = {
        name: one_label_figures(truth, said, part.lengths, labels.values) for name, said in answers.items()
    }
    return {name: _plain(values) for name, values in figures.items()}


def _by_token(part: Tagged, train: Tagged, labels: StepLabels) -> np.ndarray:
    seen: dict[str, Counter[int]] = {}
    every = Counter[int]()
    for token, number, count in _together(train, labels):
        seen.setdefault(token, Counter())[number] += count
        every[number] += count
    rare: dict[str, Counter[int]] = {}
    for token, counter in seen.items():
        if counter.total() == 1:
            rare.setdefault(_shape(token), Counter()).update(counter)
    most = {token: counter.most_common(1)[0][0] for token, counter in seen.items()}
    unseen = {shape: counter.most_common(1)[0][0] for shape, counter in rare.items()}
    otherwise = every.most_common(1)[0][0]
    tokens = _tokens(part)
    said = np.array(
        [most.get(token, unseen.get(_shape(token), otherwise)) for token in tokens.values], dtype=np.int32
    )
    return tokens.kept(said[block] for block in tokens.blocks())[:-1]


def _together(data: Tagged, labels: StepLabels) -> Iterator[tuple[str, int, int]]:
    """(token, number of a label, how often they stand together), as they first occur, of some steps at a
    time."""
    tokens, truth, at = _tokens(data), labels.encode(data).values.numpy(), 0
    for block in tokens.blocks():
        both = block.astype(np.int64) * len(labels) + truth[at : at + len(block)]
        at += len(block)
        pairs, first, counts = np.unique(both, return_index=True, return_counts=True)
        order = first.argsort()
        for pair, count in zip(pairs[order].tolist(), counts[order].tolist(), strict=True):
            yield tokens.values[pair // len(labels)], pair % len(labels), count


def _shape(token: str) -> str:
    """What a token looks like: with a digit, a capital letter in front, letters, or signs."""
    if any(character.isdigit() for character in token):
        return "digits"
    if token[:1].isupper():
        return "capital"
    return "letters" if token[:1].isalpha() else "signs"


def _tokens(data: Tagged) -> StepTokens:
    assert isinstance(data.inputs, StepTokens)
    return data.inputs


def several_label_baselines(
    part: Tagged, train: Tagged | None, labels: StepLabels, counts: np.ndarray, steps: int
) -> Figures:
    """The share of the training steps that have each label, as its probability at any step; and, where the
    steps themselves are rolls whose next is told, the share of those that go on with it, or begin it.

    counts: (K,), how many of the `steps` training steps have each label.
    """
    part, train = labels.align(part), None if train is None else labels.align(train)
    truth = labels.encode(part)
    share = (counts + 0.5) / (steps + 1.0)
    chances = {"share of each label": (np.broadcast_to(share, block.shape) for block in truth.blocks())}
    if part.ahead and train is not None and is_roll(train.inputs) and _now(train).features == len(labels):
        goes_on, begins = _by_step_before(_now(train), labels.encode(train))
        chances["as the step before"] = (np.where(now > 0, goes_on, begins) for now in _now(part).blocks())
    return {name: _several_figures(truth, said, labels) for name, said in chances.items()}


def _by_step_before(now: Sequences, later: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """(the share of the steps with a label (K,) that are followed by one with it, of those without it)."""
    both, before, after = (np.zeros(now.features) for _ in range(3))
    for here, there in zip(now.blocks(), later.blocks(), strict=True):
        both += ((here > 0) & (there > 0)).sum(0)
        before += (here > 0).sum(0)
        after += (there > 0).sum(0)
    steps = int(now.lengths.sum())
    return (both + 0.5) / (before + 1.0), (after - both + 0.5) / (steps - before + 1.0)


def _several_figures(truth: Sequences, chances: Iterator[np.ndarray], labels: StepLabels) -> dict[str, Any]:
    """The figures of a rule that gives each label of some steps at a time such chances."""
    loss = 0.0

    def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        nonlocal loss
        for true, chance in zip(truth.blocks(), chances, strict=True):
            loss -= float(np.log(np.where(true > 0, chance, 1.0 - chance)).sum())
            yield true, chance > 0.5

    figures = several_label_figures(pairs(), truth.lengths.numpy(), labels.values)
    return {"nll": loss / max(int(truth.lengths.sum()), 1), **_plain(figures)}


def _now(data: Tagged) -> Sequences:
    """The steps that are read."""
    assert isinstance(data.inputs, Sequences)
    return data.inputs


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if isinstance(value, float)}
