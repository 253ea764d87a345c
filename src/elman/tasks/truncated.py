"""Truncated backpropagation through time over single sequences: a gradient through their last steps only.

Dimensions: T steps, B sequences, D features of a step's output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: (x, lengths, state) to (outputs (T, B, D), final state), such as a `Body`
Layers = Callable[[Tensor, "Tensor | None", Any], tuple[Tensor, Any]]
#: is given outputs (n, B, D) and how many of them are each sequence's own, (B,); None: all
Head = Callable[[Tensor, "Tensor | None"], None]

PIECE = 256  # steps without a graph that are run at a time, if the gradient does not go through more


def truncated(
    layers: Layers, x: Tensor, lengths: Tensor | None, steps: int | None, head: Head | None = None
) -> tuple[Tensor, Any]:
    """What `layers` gives for x (T, B, ...) and lengths (B,) from a state of zeros, without the graph of the
    steps before the last `steps` of each sequence.

    Those run first, piece by piece and without a graph, and leave their state to the others (Williams and
    Peng 1990). Outputs and states are the same as without truncation, but for what is drawn in training.
    Nothing is cut where `steps` is None, or no sequence is longer.

    head: given the outputs of each piece of those first steps, which then are not kept: what is returned are
        the outputs of the last ones alone, (steps, B, D). So memory grows with `steps`, not with T, in use
        as in training; without a head there is nothing to cut where no gradient is wanted.
    """
    if steps is None or len(x) <= steps or (head is None and not torch.is_grad_enabled()):
        return layers(x, lengths, None)
    before = None if lengths is None else (lengths - steps).clamp(min=0)
    early = len(x) - steps if before is None else int(before.max())
    if not early:
        return layers(x, lengths, None)
    kept: list[Tensor] = []
    see = head or (lambda piece, own: kept.append(piece))
    state = _run(layers, x[:early], before, max(steps, PIECE), see)
    if lengths is None or before is None:
        tail, state = layers(x[early:], None, state)
        return (torch.cat([*kept, tail]) if kept else tail), state
    time, sequence = torch.arange(steps, device=x.device)[:, None], torch.arange(x.shape[1], device=x.device)
    place = (before + time).clamp(max=len(x) - 1)
    tail, state = layers(x[place, sequence], lengths - before, state)
    if head is not None:
        return tail, state
    time = torch.arange(len(x), device=x.device)[:, None]
    # step t of a sequence is in the head up to `before`, and from there on in the tail, which follows it
    place = torch.where(time < before, time, (early + time - before).clamp(max=early + steps - 1))
    outputs = torch.cat([*kept, tail])[place, sequence]
    return outputs.masked_fill((time >= lengths)[:, :, None], 0.0), state


@torch.no_grad()
def _run(layers: Layers, x: Tensor, lengths: Tensor | None, most: int, head: Head) -> Any:
    """The state after x (T, B, ...), run `most` steps at a time."""
    state = None
    for start in range(0, len(x), most):
        piece = x[start : start + most]
        own = None if lengths is None else (lengths - start).clamp(0, len(piece))
        outputs, state = layers(piece, own, state)
        head(outputs, own)
    return state
