"""`memory="low"`: states are kept at every √T-th step alone, and each block between is run again when the
backward pass comes to it (Chen et al. 2016, arXiv:1604.06174, on a chain).

Blocks are numbered in the order of the walk. Dimensions: N blocks of at most ⌈√T⌉ steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman.backends import native, passes
from elman.backends.given import Given, sizes_of
from elman.backends.gradients import Totals
from elman.backends.tensors import Compiled, Results

Tensors = Sequence[Tensor | None]


def engine_forward(plans: Compiled, given: Given) -> Results:
    """The forward pass of a training step, as `given` says: in one or in blocks."""
    return _forward(plans, given) if given.low else passes.forward(plans, given, keep=True)


def engine_backward(
    plans: Compiled, given: Given, kept: Results, gradients: Tensors, with_x: bool = True, samples: int = 0
) -> list[Tensor | None]:
    """The backward pass after `engine_forward`; arguments as those of `passes.backward`."""
    back = _backward if given.low else passes.backward
    return back(plans, given, kept, gradients, with_x, samples)


def _forward(plans: Compiled, given: Given) -> Results:
    """`passes.forward` block by block; what is kept are the states before each block but the first."""
    results = Results.empty(plans, sizes_of(plans.program, given), given.x, keep=True, blocks=count(given))
    states, finals = given.states, results.finals
    ranges = _ranges(given)
    for number, steps in enumerate(ranges):
        if number:
            states = _restarted(given, steps, finals)
            for kept, state in zip(results.checkpoints, states, strict=True):
                kept[number - 1] = state
        into = {name: sequence[steps.start : steps.stop] for name, sequence in results.sequences.items()}
        finals = passes.forward(plans, _block(given, steps, states), keep=False, into=into).finals
    if not ranges:
        finals = passes.forward(plans, given, keep=False).finals
    return results._replace(finals=finals)


def _backward(
    plans: Compiled, given: Given, kept: Results, gradients: Tensors, with_x: bool, samples: int
) -> list[Tensor | None]:
    """`passes.backward` block by block, from the walk's last to its first."""
    of_sequences, carried = gradients[: len(plans.shown)], list(gradients[len(plans.shown) :])
    of_x = native.empty(given.x, *given.x.shape) if with_x else None
    of_initial: list[Tensor | None] = [None] * len(given.states)
    totals = Totals(given, samples)
    ranges = _ranges(given)
    for number, steps in reversed(list(enumerate(ranges))):
        states = [c[number - 1] for c in kept.checkpoints] if number else given.states
        block = _block(given, steps, states)
        again = passes.forward(plans, block, keep=True)
        wanted = [None if g is None else g[steps.start : steps.stop] for g in of_sequences]
        found = passes.walk_back(plans, block, again, [*wanted, *carried], with_x, totals)
        if of_x is not None and found.x is not None:
            of_x[steps.start : steps.stop] = found.x
        carried, restarted = _carried(given, steps, found.states) if number else ([], found.states)
        of_initial = _added(_added(of_initial, restarted), found.restarts)
    if not ranges:
        of_initial = carried
    there = [None if s is None else _or_zeros(s, g) for s, g in zip(given.states, of_initial, strict=True)]
    return [of_x, *(totals.whole(name) for name in given.parameters), *there]


def _size(steps: int) -> int:
    """⌈√T⌉ for T > 0; T may be a symbol of torch.compile's."""
    root: Any = torch.sym_sqrt(torch.sym_max(steps - 1, 0))
    floor: Any = torch.sym_int(root)
    return 1 + floor


def count(given: Given) -> int:
    """N; a symbol where T is one."""
    steps = given.x.shape[0]
    size = _size(steps)
    return (steps + size - 1) // size


def _ranges(given: Given) -> list[range]:
    """The steps of each block, in the order of the walk."""
    steps = given.x.shape[0]
    size = _size(steps)
    if given.reverse:
        return [range(max(stop - size, 0), stop) for stop in range(steps, 0, -size)]
    return [range(start, min(start + size, steps)) for start in range(0, steps, size)]


def _block(given: Given, steps: range, states: Tensors) -> Given:
    """What one block is given."""
    cut = slice(steps.start, steps.stop)
    masks = {name: mask[cut] if mask.dim() == 3 else mask for name, mask in given.masks.items()}
    lengths = None if given.lengths is None else (given.lengths - steps.start).clamp(0, len(steps))
    resets = None if given.resets is None else given.resets[cut]
    return given._replace(
        x=given.x[cut],
        states=states,
        masks=masks,
        lengths=lengths,
        resets=resets,
        restart=given.states,
        low=False,
    )


def _restarts(given: Given, steps: range) -> Tensor | None:
    """(B, 1): for which sequences a segment of the walk begins with the block; None without resets."""
    at = steps.stop if given.reverse else steps.start
    if given.resets is None:
        return None
    restarts = given.resets[at] if given.lengths is None else given.resets[at] & (at < given.lengths)
    return restarts.unsqueeze(1)


def _restarted(given: Given, steps: range, states: Sequence[Tensor]) -> list[Tensor]:
    """The states before a block, from those at the end of the block before."""
    restarts = _restarts(given, steps)
    if restarts is None:
        return list(states)
    zero = given.x.new_zeros(())
    pairs = zip(given.states, states, strict=True)
    return [torch.where(restarts, zero if initial is None else initial, s) for initial, s in pairs]


def _carried(
    given: Given, steps: range, gradients: Tensors
) -> tuple[list[Tensor | None], list[Tensor | None]]:
    """Gradients of the states before a block, as those of the block before and those of initial states."""
    restarts = _restarts(given, steps)
    if restarts is None:
        return list(gradients), [None] * len(gradients)
    there = [g for g in gradients if g is not None]
    assert len(there) == len(gradients)  # the states before a later block are all tensors
    return [g.masked_fill(restarts, 0.0) for g in there], [g.masked_fill(~restarts, 0.0) for g in there]


def _added(totals: Tensors, gradients: Tensors) -> list[Tensor | None]:
    return [
        total if g is None else g if total is None else total + g
        for total, g in zip(totals, gradients, strict=True)
    ]


def _or_zeros(state: Tensor, gradient: Tensor | None) -> Tensor:
    return torch.zeros_like(state) if gradient is None else gradient
