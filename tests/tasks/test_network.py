"""The network's pooling, against plain loops over the sequences."""

from __future__ import annotations

import pytest
import torch

from elman.errors import ArgumentError
from elman.tasks.network import POOLS, pool_named

LENGTHS = torch.tensor([4, 1, 0, 6])


def zeroed(steps: torch.Tensor) -> torch.Tensor:
    """Steps past a length are zero, as the layers give them."""
    return steps * (torch.arange(len(steps))[:, None] < LENGTHS)[:, :, None]


@pytest.mark.parametrize("name", ["mean", "max"])
def test_over_each_sequences_own_steps(name: str) -> None:
    steps = zeroed(torch.randn(6, 4, 3) - 5)
    pooled = POOLS[name](steps, torch.randn(2, 4, 3), LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        own = steps[:length, b]
        expected = torch.zeros(3) if length == 0 else own.mean(0) if name == "mean" else own.amax(0)
        torch.testing.assert_close(pooled[b], expected)


@pytest.mark.parametrize("name", POOLS)
def test_without_lengths_all_steps_count(name: str) -> None:
    steps, ends = torch.randn(6, 4, 3), torch.randn(1, 4, 3)
    expected = {"mean": steps.mean(0), "max": steps.amax(0), "last": ends[0]}[name]
    torch.testing.assert_close(POOLS[name](steps, ends, None), expected)


def test_last_puts_the_directions_side_by_side() -> None:
    ends = torch.randn(2, 4, 3)
    torch.testing.assert_close(
        pool_named("last")(torch.randn(6, 4, 6), ends, None), torch.cat([ends[0], ends[1]], 1)
    )


def test_an_unknown_pooling() -> None:
    with pytest.raises(ArgumentError, match="pooling: unknown name 'avg'"):
        pool_named("avg")
