"""Tagged: sequences with a label, or several, for each of their steps.

Dimensions: N sequences, T_i steps of one, F features of a step, K labels of which a step may have several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elman.data.sequences import Sequences
from elman.data.step_places import sequence_and_step
from elman.data.steps import Steps, StepTokens
from elman.errors import DataError, unknown


@dataclass(frozen=True)
class StepColumns:
    """Columns by name or, counted from 1, by number; None where they are to be found.

    label, channels: several are separated by commas. header: yes, no or auto, whether the first line names
    the columns.
    """

    token: str | None = None
    label: str | None = None
    id: str | None = None
    time: str | None = None
    channels: str | None = None
    event: str | None = None
    header: str = "auto"


@dataclass(frozen=True)
class Tagged:
    """Sequences of tokens or numbers, and what is to be said of their steps.

    inputs: N sequences of tokens, or of numbers.
    labels: N sequences of labels or, where a step may have several, of K numbers 0 and 1; None where there
        are none.
    names: what those K are called; empty where a step has one label.
    source: what messages call the data: a file or the name of a data set.
    lines: N sequences, the line or row of a file that each step is from; None for arrays.
    called: N names of the sequences; None where they have none.
    ahead: whether the labels of a step are those of the step behind it.
    events: whether the numbers say which of `names` happen at a step, as an event log has it.
    """

    inputs: Sequences | StepTokens
    labels: Steps | Sequences | None
    source: str
    names: tuple[str, ...] = ()
    lines: Steps | None = None
    called: Sequence[str] | None = None
    ahead: bool = False
    events: bool = False

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> np.ndarray:
        """(N,) steps of each sequence."""
        if isinstance(self.inputs, Sequences):
            return self.inputs.lengths.numpy()
        return self.inputs.lengths

    def place(self, sequence: int, step: int) -> str:
        """What a message calls that step: a line of the file, or its numbers counted from 0."""
        if self.lines is not None:
            return f"line {int(self.lines[sequence][step])}"
        return f"sequence {sequence}, step {step}"

    def select(self, rows: np.ndarray) -> Tagged:
        """The sequences at `rows`, in that order."""
        return replace(
            self,
            inputs=self.inputs.select(rows),
            labels=None if self.labels is None else self.labels.select(rows),
            lines=None if self.lines is None else self.lines.select(rows),
            called=None if self.called is None else _picked(self.called, rows),
        )

    def aligned(self, names: tuple[str, ...]) -> Tagged:
        """The same with the events in the places that `names` gives them; raises `DataError` for another."""
        if not self.events or self.names == names:
            return self
        assert isinstance(self.inputs, Sequences)
        for name in self.names:
            if name not in names:
                raise DataError(f"{self.source}: {unknown('event', name, names)}")
        place = [names.index(name) for name in self.names]

        def spread(sequences: Sequences) -> Sequences:
            return Sequences.from_pieces(map(widened, sequences.blocks()), sequences.lengths.numpy())

        def widened(values: np.ndarray) -> np.ndarray:
            wide = np.zeros((len(values), len(names)), dtype=np.float32)
            wide[:, place] = values
            return wide

        labels = spread(self.labels) if isinstance(self.labels, Sequences) else self.labels
        return replace(self, inputs=spread(self.inputs), labels=labels, names=names)

    def steps(self, start: int, stop: int) -> Tagged:
        """The steps `start` to `stop` of the only sequence."""
        back = int(self.lengths[0]) - stop
        return replace(
            self,
            inputs=self.inputs.cut(front=start, back=back),
            labels=None if self.labels is None else self.labels.cut(front=start, back=back),
            lines=None if self.lines is None else self.lines.cut(front=start, back=back),
        )


def _picked(items: Any, rows: np.ndarray) -> Any:
    return [items[row] for row in rows.tolist()] if isinstance(items, list) else items.select(rows)


def hold_out_sequences(data: Tagged, share: float, seed: int) -> tuple[Tagged, Tagged | None]:
    """(to keep, held out): whole sequences drawn at random, or the last steps of an only one.

    None is held out where the share comes to nothing.
    """
    if len(data) == 1:
        steps = int(data.lengths[0])
        kept = steps - round(steps * share)
        return (data, None) if kept in (0, steps) else (data.steps(0, kept), data.steps(kept, steps))
    count = min(round(len(data) * share), len(data) - 1)
    if count == 0:
        return data, None
    order = np.random.default_rng([seed, 0x7A66]).permutation(len(data))
    return data.select(np.sort(order[count:])), data.select(np.sort(order[:count]))


def to_next(data: Tagged) -> Tagged:
    """For each step the labels of the one behind it; the last step of each sequence goes.

    Where there are no labels, the features of the steps themselves are taken, which must be 0 or 1.
    """
    labels, names = data.labels, data.names
    if labels is None:
        if not isinstance(data.inputs, Sequences):
            raise DataError(f"{data.source}: expected labels or steps of 0 and 1 (a roll), got tokens alone.")
        check_roll(data.inputs, data.source)
        labels = data.inputs
        names = names or tuple(str(place) for place in range(data.inputs.features))
    lines = None if data.lines is None else data.lines.cut(back=1)
    return replace(
        data,
        inputs=data.inputs.cut(back=1),
        labels=labels.cut(front=1),
        names=names,
        lines=lines,
        ahead=True,
    )


def is_roll(inputs: Sequences | StepTokens) -> bool:
    """Whether these are numbers that are all 0 or 1."""
    return isinstance(inputs, Sequences) and first_odd(inputs) is None


def first_odd(sequences: Sequences) -> tuple[int, int, int] | None:
    """(sequence, step, feature) of the first number that is neither 0 nor 1."""
    before = 0
    for block in sequences.blocks():
        odd = np.argwhere((block != 0) & (block != 1))
        if len(odd):
            step, feature = odd[0].tolist()
            return *sequence_and_step(before + step, sequences.lengths.numpy()), feature
        before += len(block)
    return None


def check_roll(inputs: Sequences, source: str) -> None:
    """Raise `DataError` that names the first number that is neither 0 nor 1."""
    odd = first_odd(inputs)
    if odd is not None:
        sequence, step, feature = odd
        raise DataError(
            f"{source}: expected 0 or 1 in every feature, as the labels of the next step are made of "
            f"them, got {inputs[sequence][step, feature]:g} in sequence {sequence}, step {step}, "
            f"feature {feature}."
        )
