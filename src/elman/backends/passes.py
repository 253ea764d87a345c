"""The two passes of the engine over a batch: forward, and backward through time with all gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from elman.backends import native
from elman.backends.given import Given, sizes_of
from elman.backends.gradients import Totals, weight_jobs
from elman.backends.samples import sample_gradients
from elman.backends.spans import Spans
from elman.backends.tensors import Adjoints, Compiled, Results, adjoint_arrays, forward_arrays


def forward(plans: Compiled, given: Given, keep: bool, into: Mapping[str, Tensor] | None = None) -> Results:
    """The states over time and at the end; with `keep` also what the backward pass reads.

    into: where to write the states over time that are handed out, of a block of a training step; None: to
        new tensors.
    """
    sizes = sizes_of(plans.program, given)
    plan = plans.forward(sizes, keep, training=into is not None).plan
    results = Results.empty(plans, sizes, given.x, keep, into=into)
    spans = Spans.of(given)
    if spans is None:
        native.run(plan, forward_arrays(plans, plan, given, results), given, given.reverse)
        return results
    ends = [final.new_empty(len(spans.table), final.shape[1]) for final in results.finals]
    cut = results._replace(finals=ends)
    arrays = forward_arrays(plans, plan, given._replace(states=spans.initial(given)), cut)
    native.run(plan, arrays, given, given.reverse, spans.table)
    return results._replace(finals=[end[spans.last] for end in ends])


def backward(
    plans: Compiled,
    given: Given,
    kept: Results,
    gradients: Sequence[Tensor | None],
    with_x: bool = True,
    samples: int = 0,
) -> list[Tensor | None]:
    """The gradient of x, of each parameter and of each state (None: zero).

    gradients: of the sequences handed out and of the final states (None: zero).

    `kept` is what `forward` returned. Without `with_x`, the gradient of x is not computed. With `samples`,
    those of parameters are taken for each of so many parts of the batch by itself: (samples, their shape).
    """
    totals = Totals(given, samples)
    found = walk_back(plans, given, kept, gradients, with_x, totals)
    of_states = [None if s is None else g for s, g in zip(given.states, found.states, strict=True)]
    return [found.x, *(totals.whole(name) for name in given.parameters), *of_states]


class Found(NamedTuple):
    """Gradients of x, of the states before the walk, and of those after resets where they are others."""

    x: Tensor | None
    states: Sequence[Tensor | None]
    restarts: Sequence[Tensor | None]


def walk_back(
    plans: Compiled,
    given: Given,
    kept: Results,
    gradients: Sequence[Tensor | None],
    with_x: bool,
    totals: Totals,
) -> Found:
    """As `backward`, with the gradients of parameters added to `totals`."""
    by_row = totals.samples > 0
    plan = plans.adjoint(sizes_of(plans.program, given), with_x, by_row)
    spans = Spans.of(given)
    rows = None if spans is None else len(spans.table)
    adjoints = Adjoints.empty(plan, given, kept.finals, with_x, rows, by_row)
    arrays = adjoint_arrays(plans, plan.plan, given, kept, gradients, adjoints, spans)
    jobs = () if by_row else weight_jobs(plans, plan, given, kept, adjoints, spans, totals)
    native.run(plan.plan, arrays, given, not given.reverse, None if spans is None else spans.table, jobs)
    if by_row:
        sample_gradients(plans, plan, given, kept, adjoints, spans, totals)
    else:
        for part in plan.vectors:
            totals.add_vector(part, adjoints.sums)
    if spans is None:
        return Found(adjoints.x, adjoints.initial, [None] * len(given.states))
    there = [rows for rows in adjoints.initial if rows is not None]  # all, where sequences are cut
    return Found(adjoints.x, *spans.to_states(given, there))
