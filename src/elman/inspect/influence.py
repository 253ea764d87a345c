"""Influence: how much a state still matters to one some steps later, ∂s_T/∂s_t, by vector products.

Dimensions: M marks, B sequences, S features of all states of the cell together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from elman.errors import wrong
from elman.nn.recording import Walk
from elman.train.gradient_flow import Profile, finite_norm, profile_by_lag, reach

SHARE = 0.01  # of the influence of a state on itself: where a memory is said to end
PROBES = 4


@dataclass(frozen=True)
class Influence:
    """‖∂s_T/∂s_t‖ of one layer, s all states of its cell, T the end of each sequence's walk or `step`.

    profile: quantiles over the sequences of ‖∂s_T/∂s_t‖_F / √S, by the steps from t to T; at none it is 1.
    share: of that, below which nothing is remembered. horizon: steps back from T within which the median is
    `share` or more. whole: whether that is as far as the sequences go.
    """

    module: str
    title: str
    step: int | None
    profile: Profile
    share: float
    horizon: int
    whole: bool

    def plain(self) -> dict[str, Any]:
        return {**vars(self), "profile": self.profile.plain()}


def influence(
    walk: Walk, *, step: int | None = None, share: float = SHARE, probes: int = PROBES, seed: int = 0
) -> Influence:
    """Of a recorded walk, whose graph is kept; arguments as of `reached` and `Influence`."""
    return influence_of(walk, [reached(walk, step=step, probes=probes, seed=seed)], step=step, share=share)


class Reached(NamedTuple):
    """What `influence` is made of. norms: (M, B), ‖∂s_T/∂s_t‖_F / √S of each mark and sequence, NaN where the
    sequence has no such mark. lags: (M, B), steps from it to T."""

    norms: Tensor
    lags: Tensor


def reached(walk: Walk, *, step: int | None = None, probes: int = PROBES, seed: int = 0) -> Reached:
    """Measured on a recorded walk, whose graph is kept.

    With v normal, E‖vᵀ ∂s_T/∂s_t‖² is the squared Frobenius norm, so one backward pass for each of `probes`
    vectors measures all t at once.

    step: T; the end of each sequence's walk unless given.

    Raises `ArgumentError` for a step that is no mark of the walk.
    """
    last = len(walk.steps) - 1
    if step is not None:
        if step not in walk.steps:
            raise wrong("step", expected=f"a step from {min(walk.steps)} to {max(walk.steps)}", got=step)
        last = walk.steps.index(step)
    ends, marks = walk.states[last], walk.states[: last + 1]
    generator = torch.Generator().manual_seed(seed)
    squares = ends[0].new_zeros((len(marks), len(ends[0])), dtype=torch.float64)
    for _ in range(probes):
        drawn = [torch.randn(end.shape, generator=generator).to(end) for end in ends]
        flat = [state for after in marks for state in after]
        found = iter(torch.autograd.grad(ends, flat, drawn, retain_graph=True, allow_unused=True))
        for mark, after in enumerate(marks):
            for _ in after:
                gradient = next(found)
                if gradient is not None:
                    squares[mark] += gradient.double().square().sum(1)
    size = sum(end.shape[1] for end in ends)
    norms = finite_norm(squares / (probes * size)).cpu()
    lags, running = _lags(walk, last)
    return Reached(norms.masked_fill(~running, torch.nan), lags)


def influence_of(
    walk: Walk, batches: Sequence[Reached], *, step: int | None = None, share: float = SHARE
) -> Influence:
    """Over the sequences of several batches that the layer of `walk` went through."""
    longest = max(len(part.norms) for part in batches)
    norms, lags = (
        torch.cat([F.pad(table, (0, 0, 0, longest - len(table)), value=fill) for table in tables], 1)
        for tables, fill in (([p.norms for p in batches], torch.nan), ([p.lags for p in batches], -1))
    )
    back = profile_by_lag(lags, norms)
    horizon = reach(back, share)
    return Influence(walk.name, walk.title, step, back, share, horizon, horizon >= len(back.places))


def _lags(walk: Walk, last: int) -> tuple[Tensor, Tensor]:
    """(steps from each mark up to `last` to the latter, or to the end of the sequence's walk where that comes
    first; whether the mark is within the sequence), each (M, B)."""
    lags = walk.lags.cpu()[: last + 1]
    return lags - lags[-1:].clamp(min=0), walk.running.cpu()[: last + 1]
