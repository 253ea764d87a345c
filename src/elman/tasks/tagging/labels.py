"""The labels that steps may have, and their numbers.

Dimensions: S steps in all, K labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.data import Sequences
from elman.data.checks import class_notes
from elman.data.step_places import sequence_and_step
from elman.data.steps import Steps
from elman.data.tagged import Tagged
from elman.errors import DataError, unknown


@dataclass(frozen=True)
class StepLabels:
    """K labels: values for one a step, or names of those of which a step may have several."""

    values: tuple[Any, ...]
    several: bool

    def __len__(self) -> int:
        return len(self.values)

    @classmethod
    def of(cls, train: Tagged, *others: Tagged | None) -> StepLabels:
        """All labels that occur in any part, sorted; or the names of several.

        Raises `DataError` if all steps have the same label, or parts are of different kinds.
        """
        assert train.labels is not None
        parts = [train, *(part for part in others if part is not None)]
        for part in parts:
            if bool(part.names) != bool(train.names):
                one, many = "one label", "several labels"
                want, got = (many, one) if train.names else (one, many)
                raise DataError(f"{part.source}: expected {want} a step, as in the training data, got {got}.")
        if train.names:
            for part in parts:
                check_names(part, train.names)
            return cls(train.names, True)
        found: set[Any] = set()
        for part in parts:
            found.update(_one(part).occurring()[0].tolist())
        kinds = {type(value) for value in found}
        if len(kinds) > 1:
            names = " and ".join(sorted(kind.__name__ for kind in kinds))
            raise DataError(f"{train.source}: expected labels of one kind in all parts, got {names}.")
        if len(found) < 2:
            raise DataError(
                f"{train.source}: expected two labels or more, got only {next(iter(found))!r}. "
                "Check that the right column is taken as the label."
            )
        return cls(tuple(sorted(found)), False)

    def encode(self, data: Tagged) -> Sequences:
        """The number of each step's label, or K numbers 0 and 1; raises `DataError` for one not known."""
        data = self.align(data)
        if self.several:
            check_names(data, self.values)
            assert isinstance(data.labels, Sequences)
            return data.labels
        if data.names:
            raise DataError(f"{data.source}: expected one label a step, as in training, got several.")
        steps = _one(data)
        known = {value: number for number, value in enumerate(self.values)}
        numbers = np.array([known.get(value, -1) for value in _values(steps)], dtype=np.int32)

        def blocks() -> Iterator[np.ndarray]:
            before = 0
            for block in steps.blocks():
                found = numbers[block]
                if (found < 0).any():
                    self._complain(data, before + int((found < 0).argmax()))
                before += len(block)
                yield found

        return Sequences.padded(steps.kept(blocks()), data.lengths)

    def align(self, data: Tagged) -> Tagged:
        """The same, the events of a log in the places of these labels."""
        return data.aligned(self.values) if self.several else data

    def _complain(self, data: Tagged, step: int) -> None:
        sequence, at = sequence_and_step(step, data.lengths)
        label = _one(data)[sequence][at].item()
        valid = [str(value) for value in self.values]
        raise DataError(
            f"{data.source}: {data.place(sequence, at)} has a label that was not in the training data. "
            f"{unknown('label', str(label), valid)}"
        )

    def named(self, numbers: np.ndarray) -> np.ndarray:
        """The labels (S,) of numbers (S,)."""
        return np.array(self.values)[numbers]


def label_notes(train: Tagged, others: Mapping[str, Tagged | None]) -> list[str]:
    """What is odd about the labels of steps that have one each, to be said; see `class_notes`."""
    if train.names or any(part is not None and part.names for part in others.values()):
        return []
    held = {name: _some(part) for name, part in others.items() if part is not None}
    return class_notes(_some(train), held, unit="step")


def check_names(data: Tagged, names: Sequence[str]) -> None:
    """Raise `DataError` unless the labels of a step are these."""
    if len(data.names) != len(names):
        raise DataError(
            f"{data.source}: expected {len(names)} labels for each step, as in training, "
            f"got {len(data.names)}."
        )


def _some(data: Tagged) -> np.ndarray:
    """Every label that occurs, twice where it does so more often than once."""
    values, counts = _one(data).occurring()
    return np.repeat(values, np.minimum(counts, 2))


def _one(data: Tagged) -> Steps:
    """The labels of steps that have one each."""
    assert isinstance(data.labels, Steps)
    return data.labels


def _values(steps: Steps) -> list[Any]:
    assert steps.values is not None
    return steps.values.tolist()
