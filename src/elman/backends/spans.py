"""Resets inside sequences: each sequence is cut into spans that the engine walks as rows of their own.

Dimensions: N spans, in the order of their sequences, those of one sequence in the order of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elman.backends.given import Given


class Spans(NamedTuple):
    """The spans of a batch.

    table: (N, 3) int64, sequence, first step in time, and steps, as the engine takes them.
    first, last: (B,), the span with which the walk of each sequence begins, and with which it ends.
    """

    table: Tensor
    first: Tensor
    last: Tensor

    @staticmethod
    def of(given: Given) -> Spans | None:
        """The spans between resets; None where there are no resets."""
        steps, batch = given.x.shape[:2]
        if given.resets is None or steps == 0:
            return None
        starts = given.resets.t().clone()
        stops = torch.full((batch,), steps) if given.lengths is None else given.lengths
        if given.lengths is not None:
            starts &= torch.arange(steps) < stops.unsqueeze(1)
        starts[:, 0] = True
        sequence, start = starts.nonzero(as_tuple=True)
        final = torch.ones_like(sequence, dtype=torch.bool)
        torch.ne(sequence[1:], sequence[:-1], out=final[:-1])
        stop = start.roll(-1)
        stop[final] = stops
        earliest, latest = (start == 0).nonzero().squeeze(1), final.nonzero().squeeze(1)
        first, last = (latest, earliest) if given.reverse else (earliest, latest)
        return Spans(torch.stack([sequence, start, stop - start], 1), first, last)

    def initial(self, given: Given) -> list[Tensor | None]:
        """The states (N, W) before each span."""
        restarts = given.states if given.restart is None else given.restart
        return [self._initial(*pair) for pair in zip(given.states, restarts, strict=True)]

    def _initial(self, state: Tensor | None, restart: Tensor | None) -> Tensor | None:
        if state is restart:
            return None if state is None else state[self.table[:, 0]]
        assert state is not None  # within a run all states are carried
        rows = (
            state.new_zeros(len(self.table), state.shape[1]) if restart is None else restart[self.table[:, 0]]
        )
        rows[self.first] = state
        return rows

    def at_end(self, values: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Gradients (B, W) of final states as those of every span's end (N, W)."""
        return [None if v is None else self._at_end(v) for v in values]

    def _at_end(self, value: Tensor) -> Tensor:
        rows = value.new_zeros(len(self.table), value.shape[1])
        rows[self.last] = value
        return rows

    def to_states(
        self, given: Given, rows: Sequence[Tensor]
    ) -> tuple[Sequence[Tensor], Sequence[Tensor | None]]:
        """Gradients (N, W) of the states before spans as those of the states before the walk (B, W), and of
        those after resets where these are others."""
        if given.restart is None:
            return [self._summed(r) for r in rows], [None] * len(rows)
        first = [r[self.first] for r in rows]
        for r in rows:
            r[self.first] = 0.0
        return first, [self._summed(r) for r in rows]

    def _summed(self, rows: Tensor) -> Tensor:
        """Rows of spans added for each sequence."""
        return rows.new_zeros(len(self.first), rows.shape[1]).index_add_(0, self.table[:, 0], rows)


def previous(given: Given, spans: Spans | None, sequence: Tensor, number: int) -> Tensor:
    """A state before every step, from its values after each, `sequence` (T, B, W): the initial ones included.

    number: which of the Program's states it is.
    """
    before = torch.empty_like(sequence)
    if len(before) == 0:
        return before
    table = _whole(given) if spans is None else spans.table
    initial = (given.states if spans is None else spans.initial(given))[number]
    if given.reverse:
        before[:-1] = sequence[1:]
    else:
        before[1:] = sequence[:-1]
    begin = table[:, 1] + (table[:, 2] - 1).clamp(min=0) if given.reverse else table[:, 1]
    before[-1 if given.reverse else 0] = 0.0
    before[begin, table[:, 0]] = sequence.new_zeros(()) if initial is None else initial
    return before


def _whole(given: Given) -> Tensor:
    """The table of whole sequences."""
    steps, batch = given.x.shape[:2]
    lengths = torch.full((batch,), steps) if given.lengths is None else given.lengths
    return torch.stack([torch.arange(batch), torch.zeros_like(lengths), lengths], 1)
