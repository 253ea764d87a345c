"""Places: where in the data a unit is most active, and where the states are nearest to a given one.

As LSTMVis shows them (Strobelt et al. 2018, arXiv:1606.07461), from the batch itself.

Dimensions: R steps of all sequences, W units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elman.errors import wrong
from elman.inspect.inside import Inside

#: (sequence of the batch, step) to the words or numbers around it: those before, that one, those after
Context = Callable[[int, int], tuple[list[Any], Any, list[Any]]]


@dataclass(frozen=True)
class Place:
    """A step of a sequence of the batch: value, of the unit there or the distance of its states; what the
    network read there and around it, tokens, lists of features, or lists of the rows that a step reads."""

    sequence: int
    step: int
    value: float
    before: list[Any]
    here: Any
    after: list[Any]


@dataclass(frozen=True)
class Active:
    """A unit with the places where it is most active, one a sequence, the most active first."""

    unit: int
    deviation: float
    places: list[Place]

    def plain(self) -> dict[str, Any]:
        return {**vars(self), "places": [vars(place) for place in self.places]}


def most_active(inside: Inside, context: Context, *, units: int = 5, places: int = 3) -> list[Active]:
    """The `units` units of the cell's output that move most, each with its places."""
    states = next(iter(inside.states.values()))
    if not len(states):
        return []
    deviation = states.double().std(0, correction=0)
    chosen = deviation.argsort(descending=True, stable=True)[:units]
    return [
        Active(int(unit), float(deviation[unit]), _largest(states[:, unit], inside, context, places))
        for unit in chosen
    ]


@dataclass(frozen=True)
class Nearest:
    """A place, and those in other sequences whose output states are nearest, by Euclidean distance."""

    place: Place
    others: list[Place]

    def plain(self) -> dict[str, Any]:
        return {"place": vars(self.place), "others": [vars(place) for place in self.others]}


def nearest(inside: Inside, context: Context, sequence: int, step: int, *, places: int = 5) -> Nearest:
    """The `places` places nearest to that step of that sequence of the batch, one a sequence.

    Raises `ArgumentError` for a place that is not in the batch.
    """
    asked = (inside.sequence == sequence) & (inside.step == step)
    if not asked.any():
        longest = inside.step[inside.sequence == sequence]
        expected = f"a step from 0 to {int(longest.max())}" if len(longest) else "a sequence of the batch"
        raise wrong("place", expected=expected, got=(sequence, step))
    states = next(iter(inside.states.values())).double()
    distance = (states - states[asked]).norm(dim=1)
    others = -distance.masked_fill(inside.sequence == sequence, torch.inf)
    own = Place(sequence, step, 0.0, *context(sequence, step))
    found = [place for place in _largest(others, inside, context, places) if place.value != -torch.inf]
    return Nearest(own, [_valued(place, -place.value) for place in found])


def _valued(place: Place, value: float) -> Place:
    return Place(place.sequence, place.step, value, place.before, place.here, place.after)


def _largest(values: Tensor, inside: Inside, context: Context, places: int) -> list[Place]:
    """The places of the largest values (R,), one a sequence."""
    found: dict[int, Place] = {}
    for row in values.argsort(descending=True, stable=True).tolist():
        sequence, step = int(inside.sequence[row]), int(inside.step[row])
        if sequence not in found:
            found[sequence] = Place(sequence, step, float(values[row]), *context(sequence, step))
        if len(found) == places:
            break
    return list(found.values())
