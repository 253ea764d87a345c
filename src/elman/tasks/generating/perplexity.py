"""Perplexity: how well a language model foresees running text, and how that grows with what it has read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from elman.data.cutting import Tokens
from elman.data.streams import evaluation_windows

SCORES = 8_000_000  # scores of tokens held at a time
DRAWN = 200  # tokens of context that are looked at


def token_losses(module: nn.Module, tokens: Tokens) -> np.ndarray:
    """The loss (N - 1,) of each token but the first, in nats, with all that stands before it read."""
    predicted, streams = len(tokens) - 1, _streams(tokens)
    losses = np.zeros((streams, -(-predicted // streams)), dtype=np.float32)
    filled = np.zeros(streams, dtype=np.int64)
    for found, counts in _windows(module, tokens):
        for stream in range(streams):
            own = found[counts[:, stream], stream]
            losses[stream, filled[stream] : filled[stream] + len(own)] = own
            filled[stream] += len(own)
    return np.concatenate([row[:count] for row, count in zip(losses, filled, strict=True)])


def mean_loss(module: nn.Module, tokens: Tokens) -> float:
    """The mean of `token_losses`, which are never all held at a time."""
    total = sum(float(found[counts].sum(dtype=np.float64)) for found, counts in _windows(module, tokens))
    return total / (len(tokens) - 1)


def _streams(tokens: Tokens) -> int:
    return min(32, max((len(tokens) - 1) // 2_000, 1))


def _windows(module: nn.Module, tokens: Tokens) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(losses (T, B) float32, which of them count (T, B)) of one window of the streams after the other."""
    module.eval()
    device, streams, state = next(module.parameters()).device, _streams(tokens), None
    steps = min(max(SCORES // (streams * len(tokens.codec)), 1), 256)
    for x, y, counts in evaluation_windows(tokens.values, streams, steps):
        with torch.inference_mode():
            found, _, _, state = module(x.to(device), y.to(device), state)
            losses = found.float().cpu().numpy()
        yield losses, np.ones(losses.shape, dtype=bool) if counts is None else counts.numpy()


def bits_a_nat(tokens: Tokens) -> float:
    """What the mean loss of a token in nats is multiplied by for bits of a character."""
    return len(tokens) / max(tokens.characters, 1) / math.log(2)


def text_figures(loss: float, tokens: Tokens) -> dict[str, Any]:
    """As tables show them: `loss` in nats, the mean over the tokens but the first."""
    perplexity = math.exp(min(loss, 700.0))
    bits = loss * bits_a_nat(tokens)
    return {"loss": loss, "perplexity": perplexity, "bits_per_character": bits, "tokens": len(tokens)}


def by_context(module: nn.Module, tokens: Tokens) -> np.ndarray | None:
    """The mean loss (`DRAWN`,) of tokens by their place in passages that are read from nothing; None where
    the text is too short for that."""
    rows = min((len(tokens) - 1) // DRAWN, 256)
    if rows < 4:
        return None
    both = np.stack([tokens.values[k * DRAWN : (k + 1) * DRAWN + 1] for k in range(rows)], 1).astype(np.int64)
    device, state = next(module.parameters()).device, None
    steps = max(SCORES // (rows * len(tokens.codec)), 1)
    found = []
    with torch.inference_mode():
        for x, y in zip(
            *(torch.from_numpy(b).to(device).split(steps) for b in (both[:-1], both[1:])), strict=True
        ):
            losses, _, _, state = module(x, y, state)
            found.append(losses.float().mean(1))
    return torch.cat(found).cpu().numpy()
