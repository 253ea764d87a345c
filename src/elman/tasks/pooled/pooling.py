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


class Head:
    """Steps that are pooled as they come, and not kept: what is left of them is one row, before those to
    come. Called with outputs (n, B, D) and how many of them are each sequence's own, (B,) or None for all.
    """

    def __init__(self) -> None:
        self.row: Tensor | None = None

    def __call__(self, steps: Tensor, own: Tensor | None) -> None:
        pass

    def joined(self, steps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(steps, lengths) that are pooled to the same as all steps are: `steps` (n, B, D) are the last ones
        of sequences of these lengths (B,)."""
        return steps, lengths


class SumHead(Head):
    """Their sum, for the mean."""

    def __call__(self, steps: Tensor, own: Tensor | None) -> None:
        total = steps.sum(0, dtype=torch.promote_types(steps.dtype, torch.float32))
        self.row = total if self.row is None else self.row + total

    def joined(self, steps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        assert self.row is not None
        return _behind(self.row, steps), lengths


class LargestHead(Head):
    """The largest values; none yet (-inf) of a sequence that had no step."""

    def __call__(self, steps: Tensor, own: Tensor | None) -> None:
        if own is not None:
            time = torch.arange(len(steps), device=steps.device)[:, None]
            steps = steps.masked_fill((time >= own)[:, :, None], -torch.inf)
        found = steps.amax(0)
        self.row = found if self.row is None else torch.maximum(self.row, found)

    def joined(self, steps: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        assert self.row is not None
        row = self.row.masked_fill((lengths == 0)[:, None], 0.0)
        return _behind(row, steps), lengths.clamp(max=len(steps)) + 1


def _behind(row: Tensor, steps: Tensor) -> Tensor:
    return torch.cat([row[None].to(steps.dtype), steps])


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

#: by name: how a pooling takes in steps that are not kept; attention learns from all of them
HEADS: Mapping[str, Callable[[], Head]] = {"last": Head, "mean": SumHead, "max": LargestHead}


def pool_named(name: str, width: int) -> Pool:
    """The pooling of that name over `width` features, a module where it has weights."""
    if name not in POOLS:
        raise unknown("pooling", name, POOLS)
    return POOLS[name](width)
