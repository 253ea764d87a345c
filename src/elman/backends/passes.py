"""The two passes of the engine over a batch: forward, and backward through time with all gradients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from elman.backends import native
from elman.backends.given import Given, project_streams, sizes_of
from elman.backends.gradients import input_gradient, parameter_gradients
from elman.backends.spans import Spans
from elman.backends.tensors import Adjoints, Compiled, Results, adjoint_arrays, forward_arrays


def forward(plans: Compiled, given: Given, keep: bool) -> Results:
    """The states over time and at the end; with `keep` also what the backward pass reads."""
    sizes = sizes_of(plans.program, given)
    inside = plans.inside(given.x.shape[1])
    plan = plans.forward(sizes, keep, inside).plan
    results = Results.empty(plans, sizes, given.x, keep)
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

    `kept` is what `forward` returned. Without `with_x`, the gradient of x is not computed.
    """
    if samples:
        raise NotImplementedError("gradients of each sample are not served yet")
    inside = with_x and plans.inside(given.x.shape[1])
    plan = plans.adjoint(sizes_of(plans.program, given), inside)
    streams = project_streams(plans.program, given) if plans.reads_streams else []
    spans = Spans.of(given)
    adjoints = Adjoints.empty(plan, given.x, kept.finals, inside, None if spans is None else len(spans.table))
    arrays = adjoint_arrays(plans, plan.plan, given, streams, kept, gradients, adjoints, spans)
    native.run(plan.plan, arrays, given, not given.reverse, None if spans is None else spans.table)
    of_x = input_gradient(plans, given, adjoints) if with_x and not inside else adjoints.x
    of_parameters = parameter_gradients(plans, plan, given, kept, adjoints, spans)
    of_states = adjoints.initial
    if spans is not None:
        of_states = [spans.summed(gradient, given.x.shape[1]) for gradient in of_states]
    there = [None if s is None else g for s, g in zip(given.states, of_states, strict=True)]
    return [of_x, *of_parameters.values(), *there]
