"""Spectrum: what one step does to directions of the state, and what many do: singular values and Lyapunov
exponents along real sequences.

Vogt et al. 2022 (doi:10.3389/fams.2022.818799) and Engelken et al. 2020 (arXiv:2006.02427), whose algorithm
(section "Lyapunov spectrum") this follows: directions are carried along by the Jacobian of each step and made
orthonormal again by QR; the mean logarithms of R's diagonal are the exponents.

Dimensions: B sequences, S features of all states of the cell together, K directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elman.errors import shown, wrong
from elman.inspect.influence import SHARE
from elman.inspect.jacobian import OneStep
from elman.nn.recording import Walk

SEQUENCES, DIRECTIONS, SAMPLES = 4, 48, 6
FAR = 100_000  # steps beyond which a horizon is not told apart from none


@dataclass(frozen=True)
class Spectrum:
    """Of one layer.

    singular: (S,) the singular values of ∂s_t/∂s_{t-1} from the largest, each the median over sequences and
    sampled steps. exponents: (K,) the largest Lyapunov exponents, natural logarithms a step, the mean over
    the sequences. size: S. steps: over which they were taken. share: as of `Influence`. horizon: steps after
    which ‖∂s_T/∂s_t‖_F / √S falls below `share` by the exponents; None where it never does.
    """

    module: str
    title: str
    singular: list[float]
    exponents: list[float]
    size: int
    steps: int
    share: float
    horizon: int | None

    def plain(self) -> dict[str, Any]:
        return dict(vars(self))


def spectrum(
    walk: Walk,
    *,
    share: float = SHARE,
    sequences: int = SEQUENCES,
    directions: int = DIRECTIONS,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Spectrum:
    """The spectrum along the first `sequences` of a recorded walk.

    directions: K, at most S. samples: steps at which singular values are taken.

    Raises `ArgumentError` for a walk that was not recorded at every step.
    """
    if not walk.every_step:
        raise wrong(
            "walk",
            expected="states at every step",
            got=shown(f"{len(walk.steps)} of {len(walk.x)}"),
            remedy="Record it with most=None.",
        )
    step = OneStep(walk, sequences)
    exponents, count = _exponents(step, min(directions, step.size), seed)
    horizon = implied_horizon(exponents, step.size, share)
    singular = _singular(step, samples)
    return Spectrum(walk.name, walk.title, singular, exponents, step.size, count, share, horizon)


def implied_horizon(exponents: list[float], size: int, share: float) -> int | None:
    """The first n with √(Σ exp(2 λ_i n) / S) < share; None where that is beyond all sequences.

    By products of norms, the Frobenius norm of the Jacobian of n steps is about √Σ exp(2 λ_i n).
    """
    if not exponents:
        return 0

    def remembered(n: int) -> bool:
        top = max(exponents) * n
        rest = sum(math.exp(2.0 * (value * n - top)) for value in exponents)
        return top + 0.5 * math.log(rest / size) >= math.log(share)

    if remembered(FAR):
        return None
    low, high = 0, FAR
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if remembered(middle) else (low, middle)
    return high


def _exponents(step: OneStep, directions: int, seed: int) -> tuple[list[float], int]:
    """(mean logarithms of R's diagonal from the largest, steps they were taken over)."""
    batch, lengths = len(step.lengths), step.lengths.cpu()
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn((batch, step.size, directions), generator=generator, dtype=torch.float64)
    carried = torch.linalg.qr(start).Q
    sums = torch.zeros((batch, directions), dtype=torch.float64)
    counts = torch.zeros(batch, dtype=torch.int64)
    running = step.walk.running.cpu()[:, :batch]
    settle = torch.minimum(lengths // 5, torch.tensor(20))  # steps that turn the directions the right way
    walked = torch.zeros(batch, dtype=torch.int64)
    for place in range(len(step.walk.steps)):
        now = running[place]
        if not now.any():
            continue
        q, r = torch.linalg.qr(step.products(place, carried.to(step.given.x.device)).cpu())
        stretched = r.diagonal(dim1=1, dim2=2).abs().clamp(min=1e-300).log()
        carried = torch.where(now[:, None, None], q, carried)
        counted = now & (walked >= settle)
        sums += torch.where(counted[:, None], stretched, torch.zeros_like(stretched))
        counts += counted
        walked += now
    known = counts > 0
    if not known.any():
        return [], 0
    mean = (sums[known] / counts[known, None]).mean(0)
    return mean.sort(descending=True).values.tolist(), int(counts.sum())


def _singular(step: OneStep, samples: int) -> list[float]:
    """Medians of the singular values over the sequences and `samples` of the steps, evenly spaced."""
    places = len(step.walk.steps)
    chosen = sorted({places * (2 * k + 1) // (2 * samples) for k in range(samples)} if places else ())
    running = step.walk.running.cpu()
    found: list[Tensor] = []
    for place in chosen:
        now = running[place, : len(step.lengths)]
        if not now.any():
            continue
        every = torch.eye(step.size, dtype=torch.float64, device=step.given.x.device)
        jacobian = step.products(place, every.expand(len(step.lengths), -1, -1))
        found.append(torch.linalg.svdvals(jacobian.cpu()[now]))
    return torch.cat(found).median(0).values.tolist() if found else []
