"""Pooling: what of a sequence's steps is read.

Dimensions: T steps, B sequences, D features of a step's output (both directions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import unknown

Pool = Callable[[Tensor, Tensor, "Tensor | None"], Tensor]


def last(steps: Tensor, ends: Tensor, lengths: Tensor | None) -> Tensor:
    """The state at the end of each direction: ends (directions, B, H) to (B, D)."""
    return ends.transpose(0, 1).flatten(1)


def mean(steps: Tensor, ends: Tensor, lengths: Tensor | None) -> Tensor:
    """The mean over each sequence's own steps: (T, B, D) to (B, D); steps past a length are zero."""
    if lengths is None:
        return steps.mean(0)
    return steps.sum(0) / lengths.clamp(min=1)[:, None].to(steps.dtype)


def largest(steps: Tensor, ends: Tensor, lengths: Tensor | None) -> Tensor:
    """The largest value over each sequence's own steps: (T, B, D) to (B, D); zero for an empty sequence."""
    if len(steps) == 0:
        return last(steps, ends, lengths)
    if lengths is None:
        return _Largest.apply(steps)
    return _Largest.apply(steps.masked_fill(_past(steps, lengths), -torch.inf))


class _Largest(torch.autograd.Function):
    """`amax` over the first dimension, with its gradient in equal parts to all that are largest: the same
    values, from a backward pass that takes half the time of torch's."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        found = values.amax(0)
        ctx.save_for_backward(values, found)
        return found

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:
        (gradient,) = grad_outputs
        values, found = ctx.saved_tensors
        chosen = torch.eq(values, found, out=torch.empty_like(values))
        return chosen * (gradient / chosen.sum(0))


class Attention(nn.Module):
    """A mean over each sequence's own steps with learned weights: softmax over t of v · tanh(W h_t + b).

    Additive attention (Bahdanau et al. 2015, arXiv:1409.0473, section A.1.2) with a learned query, as in
    Yang et al. 2016, Hierarchical attention networks for document classification, equations 5 to 7.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)
        self.query = nn.Linear(width, 1, bias=False)

    def forward(self, steps: Tensor, ends: Tensor, lengths: Tensor | None) -> Tensor:
        """(T, B, D) to (B, D); zero for an empty sequence."""
        if len(steps) == 0:
            return last(steps, ends, lengths)
        scores = self.query(torch.tanh(self.project(steps)))
        if lengths is not None:
            scores = scores.masked_fill(_past(steps, lengths), -torch.inf)
        return (scores.softmax(0) * steps).sum(0)


def _past(steps: Tensor, lengths: Tensor) -> Tensor:
    """(T, B, 1) bool: the steps past a length; an empty sequence keeps its first step, which is zero."""
    time = torch.arange(len(steps), device=steps.device)[:, None]
    return (time >= lengths.clamp(min=1))[:, :, None]


#: by name: given D, the pooling
POOLS: Mapping[str, Callable[[int], Pool]] = {
    "last": lambda width: last,
    "mean": lambda width: mean,
    "max": lambda width: largest,
    "attention": Attention,
}


def pool_named(name: str, width: int) -> Pool:
    """The pooling of that name over `width` features, a module where it has weights."""
    if name not in POOLS:
        raise unknown("pooling", name, POOLS)
    return POOLS[name](width)
