"""Places of steps: those of a plain loop, in pieces that are small enough and depend on the lengths alone."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.step_places import places_of, sequence_and_step

LENGTHS = np.array([0, 3, 1, 0, 40, 2, 2, 7, 0])


@pytest.mark.parametrize("most", [1, 2, 7, 63, 1000])
def test_all_steps_in_order(most: int) -> None:
    starts = np.cumsum(LENGTHS) - LENGTHS
    everything = np.arange(200)
    sizes = []
    for first in (starts, starts + 5, starts * 2, starts[::-1] * 3):
        wanted = np.concatenate([np.arange(at, at + n) for at, n in zip(first, LENGTHS, strict=True)])
        pieces = [everything[place] for place in places_of(first, LENGTHS, most)]
        assert np.concatenate(pieces).tolist() == wanted.tolist()
        sizes.append([len(piece) for piece in pieces])
        assert max(sizes[-1]) <= most
    assert all(other == sizes[0] for other in sizes)


def test_slices_where_steps_stand_one_after_the_other() -> None:
    assert list(places_of(np.array([4, 6]), np.array([2, 3]), 100)) == [slice(4, 9)]
    assert list(places_of(np.array([4]), np.array([5]), 3)) == [slice(4, 7), slice(7, 9)]
    assert list(places_of(np.zeros(0, np.int64), np.zeros(0, np.int64), 3)) == []


def test_the_sequence_that_has_a_step() -> None:
    every = [(row, step) for row, length in enumerate(LENGTHS.tolist()) for step in range(length)]
    assert [sequence_and_step(at, LENGTHS) for at in range(int(LENGTHS.sum()))] == every
