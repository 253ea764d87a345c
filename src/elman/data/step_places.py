"""Where the steps of sequences stand among the steps of all, in pieces that fit in memory.

Dimensions: N sequences, S steps in all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Place = slice | np.ndarray


def places_of(starts: np.ndarray, lengths: np.ndarray, most: int) -> Iterator[Place]:
    """The places of all steps in order, `most` at a time at most; a slice where they stand one after the
    other. How many come together depends on the lengths alone.

    starts, lengths: (N,), where the steps of each sequence begin, and how many they are.
    """
    ends = lengths.cumsum()
    for rows in np.split(np.arange(len(starts)), np.flatnonzero(np.diff(ends // most)) + 1):
        first, count = starts[rows], lengths[rows]
        if not count.sum():
            continue
        if (first[1:] == first[:-1] + count[:-1]).all():
            stop = int(first[-1] + count[-1])
            for begin in range(int(first[0]), stop, most):
                yield slice(begin, min(begin + most, stop))
            continue
        places = np.repeat(first - (count.cumsum() - count), count) + np.arange(count.sum())
        yield from np.split(places, range(most, len(places), most))


def sequence_and_step(step: int, lengths: np.ndarray) -> tuple[int, int]:
    """Which sequence has the step at that place among all of them, and where in it, both counted from 0."""
    ends = lengths.cumsum()
    sequence = int(np.searchsorted(ends, step, side="right"))
    return sequence, step - int(ends[sequence] - lengths[sequence])
