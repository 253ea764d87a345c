"""Pooling: what of a sequence's steps is read.

Dimensions: T steps, B sequences, D features of a step's output (both directions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
        return steps.amax(0)
    return steps.masked_fill(_past(steps, lengths), -torch.inf).amax(0)


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
