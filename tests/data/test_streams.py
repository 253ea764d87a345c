"""Streams: every token is read once an epoch, in order; evaluation predicts each but the first once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.data.streams import LEAD, evaluation_windows, read_window, windows


@pytest.mark.parametrize(("tokens", "streams", "steps"), [(1000, 7, 13), (63, 4, 64), (2, 1, 5), (9, 2, 3)])
def test_an_epoch_reads_on_in_every_stream(tokens: int, streams: int, steps: int) -> None:
    values = np.arange(tokens, dtype=np.uint16)
    listed = windows(tokens, streams, steps, seed=3, epoch=1)
    assert listed == windows(tokens, streams, steps, seed=3, epoch=1)
    both = [read_window(values, streams, window) for window in listed]
    x, y = (torch.cat([pair[k] for pair in both]) for k in (0, 1))
    assert torch.equal(y, x + 1)
    assert torch.equal(x, x[:1] + torch.arange(len(x))[:, None])  # without gaps, in order
    assert all(len(pair[0]) <= steps for pair in both)
    read = x.T.flatten()
    assert torch.equal(read, read[0] + torch.arange(len(read)))  # the streams stand one behind the other
    assert len(read) > tokens - 1 - steps - streams
    assert int(y.max()) <= tokens - 1


def test_epochs_begin_at_other_places() -> None:
    assert len({windows(1000, 4, 50, seed=0, epoch=epoch)[0].offset for epoch in range(8)}) > 4


@pytest.mark.parametrize(
    ("tokens", "streams", "steps"), [(1500, 5, 64), (1500, 1, 100), (7, 3, 2), (2, 1, 9)]
)
def test_evaluation_predicts_every_token_once(tokens: int, streams: int, steps: int) -> None:
    values = np.arange(tokens, dtype=np.uint16)
    seen = []
    for x, y, counts in evaluation_windows(values, streams, steps):
        assert torch.equal(y, x + 1)
        seen += (y if counts is None else y[counts]).flatten().tolist()
    assert sorted(seen) == list(range(1, tokens))


def test_streams_in_evaluation_have_read_before() -> None:
    before: dict[int, int] = {}
    for x, _, counts in evaluation_windows(np.arange(1500, dtype=np.uint16), 5, 64):
        counts = torch.ones_like(x, dtype=torch.bool) if counts is None else counts
        for stream in range(5):
            read = (
                int((~counts[:, stream]).sum()) if stream not in before or not before[stream] & 1 << 20 else 0
            )
            before[stream] = before.get(stream, 0) + read
            if counts[:, stream].any():
                before[stream] |= 1 << 20
    assert [count & (1 << 20) - 1 for count in before.values()] == [0, *[LEAD] * 4]
