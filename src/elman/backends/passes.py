"""The two passes of the engine over a batch: forward, and backward through time with all gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from elman.backends import native
from elman.backends.given import Given, project_streams, sizes_of
from elman.backends.gradients import Totals, input_gradient, parameter_gradients
from elman.backends.samples import sample_gradients
from elman.backends.spans import Spans
from elman.backends.tensors import Adjoints, Compiled, Results, adjoint_arrays, forward_arrays


def forward(plans: Compiled, given: Given, keep: bool, into: Mapping[str, Tensor] | None = None) -> Results:
    """The states over time and at the end; with `keep` also what the backward pass reads.

    into: where to write the states over time that are handed out; None: to new tensors.
    """
    sizes = sizes_of(plans.program, given)
    inside = plans.inside(given.x.shape[1])
    plan = plans.forward(sizes, keep, inside).plan
    results = Results.empty(plans, sizes, given.x, keep, into=into)
    streams = [] if inside else project_streams(plans.program, given)
    spans = Spans.of(given)
    if spans is None:
        native.run(plan, forward_arrays(plans, plan, given, streams, results), given, given.reverse)
        return results
    ends = [final.new_empty(len(spans.table), final.shape[1]) for final in results.finals]
    cut = results._replace(finals=ends)
    arrays = forward_arrays(plans, plan, given._replace(states=spans.initial(given)), streams, cut)
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
    states: Sequence[Tensor]
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
    inside, by_row = with_x and plans.inside(given.x.shape[1]), totals.samples > 0
    plan = plans.adjoint(sizes_of(plans.program, given), inside, by_row)
    streams = project_streams(plans.program, given) if plans.reads_streams else []
    spans = Spans.of(given)
    rows = None if spans is None else len(spans.table)
    adjoints = Adjoints.empty(plan, given.x, kept.finals, inside, rows, by_row)
    arrays = adjoint_arrays(plans, plan.plan, given, streams, kept, gradients, adjoints, spans)
    native.run(plan.plan, arrays, given, not given.reverse, None if spans is None else spans.table)
    of_x = input_gradient(plans, given, adjoints) if with_x and not inside else adjoints.x
    add = sample_gradients if by_row else parameter_gradients
    add(plans, plan, given, kept, adjoints, spans, totals)
    if spans is None:
        return Found(of_x, adjoints.initial, [None] * len(given.states))
    return Found(of_x, *spans.to_states(given, adjoints.initial))
