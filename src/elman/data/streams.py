"""Streams: running text read in several places at once, window by window, so that a state can be carried.

Dimensions: N tokens, B streams, T steps of a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

LEAD = 200  # tokens that a stream reads, uncounted, before its own first one in evaluation


@dataclass(frozen=True)
class Window:
    """Steps `start` to `stop` of streams that begin at `offset` and are `stride` tokens apart."""

    offset: int
    stride: int
    start: int
    stop: int


def windows(tokens: int, streams: int, steps: int, seed: int, epoch: int) -> list[Window]:
    """The windows of one epoch, in order; a function of the arguments alone.

    The text is cut into `streams` of the same length, less an offset of up to `steps` tokens that is drawn
    for each epoch, so that windows are not cut at the same places each time.
    """
    most = min(steps, max(tokens - 1 - 2 * streams, 0))
    offset = int(np.random.default_rng([seed, epoch, 0x7E47]).integers(0, most + 1))
    stride = (tokens - 1 - offset) // streams
    return [Window(offset, stride, t, min(t + steps, stride)) for t in range(0, stride, steps)]


def read_window(values: np.ndarray, streams: int, window: Window) -> tuple[Tensor, Tensor]:
    """(tokens (T, B), those that follow them (T, B)), both int64."""
    begins = window.offset + window.stride * np.arange(streams)
    rows = [values[b + window.start : b + window.stop + 1] for b in begins]
    both = torch.from_numpy(np.stack(rows, 1).astype(np.int64))
    return both[:-1], both[1:]


def evaluation_windows(
    values: np.ndarray, streams: int, steps: int
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """(tokens, those that follow, (T, B) bool: which of these count; None: all) for all tokens but the first.

    Each stream but the first begins `LEAD` tokens before its own part, to have something behind it when its
    own tokens come; a state is to be carried from window to window.
    """
    predicted = len(values) - 1
    own = -(-predicted // streams)
    begins = own * np.arange(streams)
    first = np.maximum(begins - LEAD, 0)
    longest = own + int((begins - first).max(initial=0))
    for t in range(0, longest, steps):
        time = first + np.arange(t, min(t + steps, longest))[:, None]
        at = np.minimum(time, predicted - 1)
        here = (time >= begins) & (time < np.minimum(begins + own, predicted))
        x, y = (torch.from_numpy(values[at + k].astype(np.int64)) for k in (0, 1))
        yield x, y, None if here.all() else torch.from_numpy(here)
