"""Stretches of time and bands of features hidden in training: SpecAugment (Park et al. 2019,
arXiv:1904.08779)."""

from __future__ import annotations

import torch
from torch import Tensor

TIMES = 2  # masks of each kind, the m_F = m_T = 2 of the paper's policy LD


def masked(
    x: Tensor, lengths: Tensor | None, fill: Tensor, generator: torch.Generator, *, time: int, features: int
) -> Tensor:
    """A copy of a batch with masks, each from 0 to `time` steps or `features` features wide.

    x: (T, B, F) numbers. lengths: (B,) or None for T. fill: (F,), what hidden numbers become. A stretch of
    time lies within its sequence and hides at most half of it.
    """
    steps, batch, width = x.shape
    device = x.device
    own = torch.full((batch,), steps) if lengths is None else lengths.cpu()
    hidden = torch.zeros(steps, batch, width, dtype=torch.bool)
    for _ in range(TIMES if time else 0):
        hidden |= _within(own, (own // (2 * TIMES)).clamp(max=time), steps, generator)[:, :, None]
    for _ in range(TIMES if features else 0):
        of = torch.full((batch,), width)
        hidden |= _within(of, of.clamp(max=features), width, generator).T[None]
    return torch.where(hidden.to(device), fill.to(device), x)


def _within(sizes: Tensor, most: Tensor, longest: int, generator: torch.Generator) -> Tensor:
    """(longest, B) bool: for each of B a stretch of 0 to `most` places, somewhere in its `sizes` places."""
    chance = torch.rand(2, len(sizes), generator=generator)
    width = (chance[0] * (most + 1)).long()
    start = (chance[1] * (sizes - width + 1)).long()
    place = torch.arange(longest)[:, None]
    return (place >= start) & (place < start + width)
