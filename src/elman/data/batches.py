"""Batches by length: which sequences go together, so that little is padded."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

POOL = 50  # batches whose sequences are sorted by length together


def shuffled_batches(
    lengths: Tensor, batch_size: int, seed: int, epoch: int, *, by_length: bool = True
) -> list[Tensor]:
    """The batches of one epoch as row numbers; a function of its arguments alone.

    All rows are shuffled; where lengths differ, each pool of `POOL` batches is then sorted by length and the
    batches are shuffled. Without `by_length` they stay as they were first shuffled.

    lengths: (N,) int64.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(lengths), generator=generator)
    if not by_length or len(lengths) == 0 or bool((lengths == lengths[0]).all()):
        return list(order.split(batch_size))
    pools = order.split(batch_size * POOL)
    sorted_pools = [pool[lengths[pool].sort(stable=True).indices] for pool in pools]
    batches = [batch for pool in sorted_pools for batch in pool.split(batch_size)]
    return [batches[place] for place in torch.randperm(len(batches), generator=generator).tolist()]


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
