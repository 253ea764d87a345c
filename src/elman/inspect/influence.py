"""Influence: how much a state still matters to one some steps later, ∂s_T/∂s_t, by vector products.

Dimensions: M marks, B sequences, S features of all states of the cell together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

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
    back = profile_by_lag(lags, norms.masked_fill(~running, torch.nan))
    horizon = reach(back, share)
    return Influence(walk.name, walk.title, step, back, share, horizon, horizon >= len(back.places))


def _lags(walk: Walk, last: int) -> tuple[Tensor, Tensor]:
    """(steps from each mark up to `last` to the latter, or to the end of the sequence's walk where that comes
    first; whether the mark is within the sequence), each (M, B)."""
    lags = walk.lags.cpu()[: last + 1]
    return lags - lags[-1:].clamp(min=0), walk.running.cpu()[: last + 1]
