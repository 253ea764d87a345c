"""Stratified shares: fair to each class, and the same rows for the same seed."""

from __future__ import annotations

import numpy as np

from elman.data.examples import Examples
from elman.data.splits import hold_out, stratified_share

LABELS = np.repeat(["a", "b", "c"], [50, 30, 21])


def test_each_class_gives_its_share() -> None:
    kept, held = stratified_share(LABELS, 0.2, seed=1)
    assert dict(zip(*np.unique(LABELS[held], return_counts=True), strict=True)) == {"a": 10, "b": 6, "c": 4}
    assert sorted([*kept, *held]) == list(range(101))


def test_the_seed_decides() -> None:
    first, again, other = (stratified_share(LABELS, 0.2, seed)[1] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_class_is_held_out_as_a_whole() -> None:
    labels = np.array(["a"] * 8 + ["b"])
    kept, held = stratified_share(labels, 0.9, seed=0)
    assert set(labels[kept]) == {"a", "b"}
    assert len(held) == 7


def test_a_share_that_comes_to_nothing() -> None:
    examples = Examples(["x", "y", "z"], np.array([0, 1, 1]), "here")
    assert hold_out(examples, 0.0, 0) == (examples, None)
    assert hold_out(examples, 0.1, 0) == (examples, None)
