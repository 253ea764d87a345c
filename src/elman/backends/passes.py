"""The two passes of the engine over a batch: forward, and backward through time with all gradients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from elman.backends import native
from elman.backends.given import Given, project_streams, sizes_of
from elman.backends.gradients import input_gradient, parameter_gradients
from elman.backends.tensors import Adjoints, Compiled, Results, adjoint_arrays, forward_arrays


def forward(plans: Compiled, given: Given, keep: bool) -> Results:
    """The states over time and at the end; with `keep` also what the backward pass reads."""
    sizes = sizes_of(plans.program, given)
    inside = plans.inside(given.x.shape[1])
    plan = plans.forward(sizes, keep, inside).plan
    results = Results.empty(plans, sizes, given.x, keep)
    streams = [] if inside else project_streams(plans.program, given)
    arrays = forward_arrays(plans, plan, given, streams, results)
    native.run(plan, arrays, given, given.reverse)
    return results


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
    adjoints = Adjoints.empty(plan, given.x, kept.finals, inside)
    arrays = adjoint_arrays(plans, plan.plan, given, streams, kept, gradients, adjoints)
    native.run(plan.plan, arrays, given, not given.reverse)
    of_x = input_gradient(plans, given, adjoints) if with_x and not inside else adjoints.x
    of_parameters = parameter_gradients(plans, plan, given, kept, adjoints)
    of_states = [None if s is None else g for s, g in zip(given.states, adjoints.initial, strict=True)]
    return [of_x, *of_parameters.values(), *of_states]
