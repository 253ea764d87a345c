"""Inside: every value of a Program at every step of a recorded walk, such as its gates, in one pass.

As all states are known, no step waits for another: steps become rows of one large batch.

Dimensions: T steps, B sequences, W features of one value, R = steps of all sequences together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from elman.backends.given import Given, project_streams
from elman.backends.reference import Step
from elman.errors import shown, wrong
from elman.nn.recording import Walk
from elman.program.graph import Instruction


@dataclass(frozen=True)
class Inside:
    """What a walk holds, steps outside of the sequences left out.

    states: by name, (R, W), after each step. gates: by name, (R, W), results of a logistic function. bounded,
    rectified: by name, (R, W), results of tanh and of relu. sequence, step: (R,) which sequence of the batch
    and which of its steps each row is.
    """

    states: dict[str, Tensor]
    gates: dict[str, Tensor]
    bounded: dict[str, Tensor]
    rectified: dict[str, Tensor]
    sequence: Tensor
    step: Tensor


@torch.no_grad()
def look_inside(walk: Walk) -> Inside:
    """Raises `ArgumentError` for a walk that was not recorded at every step."""
    if not walk.every_step:
        got = shown(f"{len(walk.steps)} of {len(walk.x)}")
        raise wrong("walk", expected="states at every step", got=got, remedy="Record it with most=None.")
    running = walk.running
    t, sequence = _rows(walk, running)
    masks = {name: _mask_rows(mask, t, sequence) for name, mask in walk.masks.items()}
    given = Given(walk.x[t, sequence][None].detach(), walk.parameters, (), masks)
    streams = [stream[0] for stream in project_streams(walk.program, given)]
    before = [
        torch.stack([first, *later[:-1]])[running] for first, *later in _by_state(walk, with_initial=True)
    ]
    values = Step(walk.program, given).values(0, streams, before)
    kinds: dict[str, dict[str, Tensor]] = {"sigmoid": {}, "tanh": {}, "relu": {}}
    for node in walk.program.graph.nodes:
        if isinstance(node, Instruction) and node.op.name in kinds:
            found = kinds[node.op.name]
            name = node.out.name or f"{node.op.name} {len(found) + 1}"
            found[name.removesuffix("'")] = values[node.out].expand(len(t), -1)
    names = [state.name for state in walk.program.states]
    after = [torch.stack(states)[running].detach() for states in _by_state(walk, with_initial=False)]
    return Inside(
        dict(zip(names, after, strict=True)), kinds["sigmoid"], kinds["tanh"], kinds["relu"], sequence, t
    )


def joined(parts: Sequence[Inside], sizes: Sequence[int]) -> Inside:
    """What several batches of so many sequences hold, these numbered on from batch to batch."""
    first, *others = parts
    if not others:
        return first

    def together(of: Callable[[Inside], dict[str, Tensor]]) -> dict[str, Tensor]:
        return {name: torch.cat([of(part)[name] for part in parts]) for name in of(first)}

    before = accumulate(sizes[:-1], initial=0)
    sequence = torch.cat([part.sequence + start for part, start in zip(parts, before, strict=True)])
    return Inside(
        together(lambda part: part.states),
        together(lambda part: part.gates),
        together(lambda part: part.bounded),
        together(lambda part: part.rectified),
        sequence,
        torch.cat([part.step for part in parts]),
    )


def _rows(walk: Walk, running: Tensor) -> tuple[Tensor, Tensor]:
    """(step, sequence) of each row, (R,) each, in the order of the walk."""
    steps = torch.tensor(walk.steps, device=running.device)[:, None].expand_as(running)
    sequences = torch.arange(running.shape[1], device=running.device).expand_as(running)
    return steps[running], sequences[running]


def _mask_rows(mask: Tensor, t: Tensor, sequence: Tensor) -> Tensor:
    return mask[sequence] if mask.dim() == 2 else mask[t, sequence]


def _by_state(walk: Walk, *, with_initial: bool) -> list[list[Tensor]]:
    """For each state its tensors (B, W) along the walk."""
    marks = [walk.initial, *walk.states] if with_initial else walk.states
    return [[state.detach() for state in states] for states in zip(*marks, strict=True)]
