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


def truncated(layers: Layers, x: Tensor, lengths: Tensor | None, steps: int | None) -> tuple[Tensor, Any]:
    """What `layers` gives for x (T, B, ...) and lengths (B,) from a state of zeros, without the graph of the
    steps before the last `steps` of each sequence.

    Those run first, without a graph, and leave their state to the others (Williams and Peng 1990). Outputs
    and states are the same as without truncation, but for what is drawn in training. Nothing is cut where
    `steps` is None, or no gradient is wanted.
    """
    if steps is None or len(x) <= steps or not torch.is_grad_enabled():
        return layers(x, lengths, None)
    if lengths is None:
        with torch.no_grad():
            head, state = layers(x[:-steps], None, None)
        tail, state = layers(x[-steps:], None, state)
        return torch.cat([head, tail]), state
    before = (lengths - steps).clamp(min=0)
    if not int(before.max()):
        return layers(x, lengths, None)
    early = int(before.max())
    with torch.no_grad():
        head, state = layers(x[:early], before, None)
    time, sequence = torch.arange(steps, device=x.device)[:, None], torch.arange(x.shape[1], device=x.device)
    place = (before + time).clamp(max=len(x) - 1)
    tail, state = layers(x[place, sequence], lengths - before, state)
    time = torch.arange(len(x), device=x.device)[:, None]
    # step t of a sequence is in the head up to `before`, and from there on in the tail, which follows it
    place = torch.where(time < before, time, (early + time - before).clamp(max=early + steps - 1))
    outputs = torch.cat([head, tail])[place, sequence]
    return outputs.masked_fill((time >= lengths)[:, :, None], 0.0), state
