"""Batches by length: every row once, little padding, the same for the same seed."""

from __future__ import annotations

import pytest
import torch

from elman.data.batches import padding_share, shuffled_batches, sorted_batches


def lengths_of(count: int, low: int, high: int) -> torch.Tensor:
    return torch.randint(low, high + 1, (count,), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("count", "low", "high"), [(1, 5, 5), (63, 1, 50), (1000, 0, 9), (500, 7, 7)])
def test_every_row_comes_once(count: int, low: int, high: int) -> None:
    lengths = lengths_of(count, low, high)
    mixed = shuffled_batches(lengths, 32, 0, 1, by_length=False)
    for batches in (mixed, shuffled_batches(lengths, 32, 0, 1), sorted_batches(lengths, steps=100)):
        assert sorted(torch.cat(batches).tolist()) == list(range(count))
        assert all(len(rows) for rows in batches)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = lengths_of(200, 1, 9)
    torch.rand(7)
    first = torch.cat(shuffled_batches(lengths, 16, 5, 2))
    torch.rand(9)
    assert torch.equal(first, torch.cat(shuffled_batches(lengths, 16, 5, 2)))
    assert not torch.equal(first, torch.cat(shuffled_batches(lengths, 16, 5, 3)))
    assert not torch.equal(first, torch.cat(shuffled_batches(lengths, 16, 6, 2)))


def test_batches_by_length_pad_little() -> None:
    lengths = lengths_of(5000, 1, 60)
    batches = shuffled_batches(lengths, 32, 0, 1)
    plain = list(torch.randperm(5000).split(32))
    mixed = shuffled_batches(lengths, 32, 0, 1, by_length=False)
    assert padding_share(lengths, batches) < 0.05 < 0.4 < padding_share(lengths, plain)
    assert padding_share(lengths, mixed) > 0.4


@pytest.mark.parametrize("count", [2, 7, 33, 400])
def test_batches_of_few_and_very_different_lengths_are_cut_until_little_is_padded(count: int) -> None:
    lengths = (10 ** (1 + 2 * torch.rand(count, generator=torch.Generator().manual_seed(count)))).long()
    lengths[0] = 0
    whole = lengths.sort().indices.split(32)  # sorted as a whole, but not cut: no better order is there
    batches = shuffled_batches(lengths, 32, 0, 1)
    assert padding_share(lengths, batches) <= 0.1
    assert sorted(torch.cat(batches).tolist()) == list(range(count))
    assert all(1 <= len(rows) <= 32 for rows in batches)
    if count > 2:
        assert padding_share(lengths, whole) > 0.1
        assert len(batches) < count / 2  # none is cut for nothing
    assert [rows.tolist() for rows in batches] == [
        rows.tolist() for rows in shuffled_batches(lengths, 32, 0, 1)
    ]


def test_a_batch_is_cut_where_that_saves_most() -> None:
    lengths = torch.tensor([10, 11, 100, 9, 98, 99])
    assert sorted(sorted(rows.tolist()) for rows in shuffled_batches(lengths, 6, 0, 1)) == [
        [0, 1, 3],
        [2, 4, 5],
    ]


@pytest.mark.parametrize("window", [1, 7, 40])
def test_where_sequences_leave_after_a_window_less_is_cut(window: int) -> None:
    lengths = lengths_of(64, 1, 400)
    whole = shuffled_batches(lengths, 16, 0, 1)
    batches = shuffled_batches(lengths, 16, 0, 1, window=window)
    taken = sum(
        int((-(-lengths[rows] // window) * window).clamp(max=lengths[rows].max()).sum()) for rows in batches
    )
    assert 1 - int(lengths.sum()) / taken <= 0.1
    assert len(batches) < len(whole)


def test_batches_are_not_in_order_of_length() -> None:
    longest = [
        int(lengths_of(5000, 1, 60)[rows].max())
        for rows in shuffled_batches(lengths_of(5000, 1, 60), 32, 0, 1)
    ]
    assert longest != sorted(longest)


def test_padding_share_counts_steps() -> None:
    lengths = torch.tensor([1, 3, 4, 4])
    assert padding_share(lengths, [torch.tensor([0, 1]), torch.tensor([2, 3])]) == pytest.approx(2 / 14)
    assert padding_share(torch.tensor([0]), [torch.tensor([0])]) == 0.0


def test_evaluation_batches_stay_small_where_sequences_are_long() -> None:
    lengths = torch.tensor([1] * 100 + [900] * 10)
    for rows in sorted_batches(lengths, steps=1000):
        assert len(rows) == 1 or len(rows) * int(lengths[rows].max()) <= 2000
