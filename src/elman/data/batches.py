"""Batches by length: which sequences go together, so that little is padded."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import count

import torch
from torch import Tensor

POOL = 50  # batches whose sequences are sorted by length together
PADDED = 0.1  # the most padding, as a share of all steps, that batches by length have


def shuffled_batches(
    lengths: Tensor,
    batch_size: int,
    seed: int,
    epoch: int,
    *,
    by_length: bool = True,
    window: int | None = None,
) -> list[Tensor]:
    """The batches of one epoch as row numbers; a function of its arguments alone.

    All rows are shuffled; where lengths differ, each pool of `POOL` batches is then sorted by length, batches
    of very different lengths are cut until at most `PADDED` of all steps is padding, and the batches are
    shuffled. Without `by_length` they stay as they were first shuffled.

    lengths: (N,) int64.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(lengths), generator=generator)
    if not by_length or len(lengths) == 0 or bool((lengths == lengths[0]).all()):
        return list(order.split(batch_size))
    pools = order.split(batch_size * POOL)
    sorted_pools = [pool[lengths[pool].sort(stable=True).indices] for pool in pools]
    batches = _cut(lengths, [batch for pool in sorted_pools for batch in pool.split(batch_size)], window)
    return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


def _cut(lengths: Tensor, batches: list[Tensor], window: int | None) -> list[Tensor]:
    """Batches, each with its shortest sequence first, cut in two where that saves the most steps, until at
    most `PADDED` of all steps is padding."""
    most = int(lengths.sum()) / (1.0 - PADDED)
    steps = sum(int(_steps(lengths[rows], window).clamp(max=lengths[rows[-1]]).sum()) for rows in batches)
    if steps <= most:
        return batches
    number = count()
    waiting = [(*_best_cut(lengths[rows], window), next(number), rows) for rows in batches]
    heapq.heapify(waiting)
    while steps > most and waiting[0][0] < 0:
        more, place, _, rows = heapq.heappop(waiting)
        steps += more
        for part in (rows[:place], rows[place:]):
            heapq.heappush(waiting, (*_best_cut(lengths[part], window), next(number), part))
    return [rows for *_, rows in sorted(waiting, key=lambda one: one[2])]


def _steps(lengths: Tensor, window: int | None) -> Tensor:
    """(B,): the steps that each sequence of a batch takes up, unless the longest one is shorter."""
    if window is None:
        return torch.full_like(lengths, int(lengths.max()))
    return (lengths + window - 1) // window * window


def _best_cut(lengths: Tensor, window: int | None) -> tuple[int, int]:
    """(by how much the steps change, at most 0; the place) where a batch of these lengths (B,), the shortest
    first, is best cut."""
    if len(lengths) < 2:
        return 0, 1
    steps, longest = _steps(lengths, window)[:-1], lengths[:-1]
    apart = torch.minimum(steps, longest[:, None]).tril().sum(1)  # of the first part, for each place
    saved = steps.clamp(max=lengths[-1]).cumsum(0) - apart
    place = int(saved.argmax())
    return -int(saved[place]), place + 1


def sorted_batches(lengths: Tensor, *, steps: int = 60_000, most: int = 2048) -> list[Tensor]:
    """All rows in batches of about `steps` steps, short sequences first, for evaluation."""
    order = lengths.sort(stable=True).indices
    batches: list[Tensor] = []
    start = 0
    while start < len(order):
        size = max(1, min(most, steps // max(1, int(lengths[order[start]]))))
        # the last of the batch is the longest; halve until the batch fits
        while size > 1 and size * int(lengths[order[min(start + size, len(order)) - 1]]) > 2 * steps:
            size //= 2
        batches.append(order[start : start + size])
        start += size
    return batches


def padding_share(lengths: Tensor, batches: Sequence[Tensor]) -> float:
    """Share of the batches' steps that is padding, 0 to 1."""
    steps = sum(len(rows) * int(lengths[rows].max()) for rows in batches)
    return 1.0 - int(lengths.sum()) / steps if steps else 0.0
