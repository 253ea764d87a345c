"""Resets within sequences: a segment is as it would be alone in any layout, and gradients stop there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import elman.nn

IN, H, T, B = 3, 5, 7, 3
RESETS = torch.zeros(T, B, dtype=torch.bool)
RESETS[[0, 3, 5, 2], [0, 0, 1, 2]] = True


def segments(b: int) -> list[tuple[int, int]]:
    """(start, stop) of the stretches between the resets of sequence b."""
    starts = [0, *(t for t in range(1, T) if RESETS[t, b])]
    return list(zip(starts, [*starts[1:], T], strict=True))


def alone(layer: Any, x: Tensor) -> Tensor:
    """The output with every segment run by itself from the start."""
    columns = [torch.cat([layer(x[i:j, b : b + 1])[0] for i, j in segments(b)]) for b in range(B)]
    return torch.cat(columns, dim=1)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_segments_are_as_if_alone(bidirectional: bool, backend: str) -> None:
    """In a stack every layer starts anew, so segments do not see one another at all."""
    layer = elman.nn.LSTM(IN, H, 2, bidirectional=bidirectional, learn_initial_state=True, backend=backend)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.5)
    x = torch.randn(T, B, IN, requires_grad=True)
    output, (h, _) = layer(x, resets=RESETS)
    expected = alone(layer, x)
    torch.testing.assert_close(output, expected, atol=2e-6, rtol=0)
    torch.testing.assert_close(h[-2 if bidirectional else -1], output[-1, :, :H], atol=0, rtol=0)
    leaves = [x, *layer.parameters()]
    for mine, other in zip(
        torch.autograd.grad(output.square().sum(), leaves),
        torch.autograd.grad(expected.square().sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=2e-5, rtol=1e-5)
    (reach,) = torch.autograd.grad(layer(x, resets=RESETS)[0][4, 0].sum(), x)
    assert not reach[:3].any()
    assert (reach[3:5, 0].abs().sum(1) > 0).all()


def test_resets_come_in_the_layout_of_the_input(backend: str) -> None:
    layer = elman.nn.GRU(IN, H, 2, bidirectional=True, backend=backend)
    x, lengths = torch.randn(T, B, IN), torch.tensor([5, T, 2])
    expected, state = layer(x, lengths=lengths, resets=RESETS)
    single, _ = layer(x[:5, 0], resets=RESETS[:5, 0])
    torch.testing.assert_close(single, expected[:5, 0], atol=1e-6, rtol=0)
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    found, packed_state = layer(packed, resets=RESETS)
    torch.testing.assert_close(pad_packed_sequence(found)[0], expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(packed_state, state, atol=1e-6, rtol=0)
    layer.batch_first = True
    found, _ = layer(x.transpose(0, 1), lengths=lengths, resets=RESETS.T)
    torch.testing.assert_close(found.transpose(0, 1), expected, atol=1e-6, rtol=0)


def test_resets_with_masks_and_all_states(backend: str) -> None:
    layer = elman.nn.LSTM(
        IN, H, zoneout=0.3, recurrent_dropout=0.2, recurrent_dropout_mode="step", backend=backend
    )
    x = torch.randn(T, B, IN)
    torch.manual_seed(1)
    sequences, _ = layer(x, resets=RESETS, all_states=True)
    torch.manual_seed(1)
    plain, _ = layer(x, all_states=True)
    for found, other in zip(sequences, plain, strict=True):
        torch.testing.assert_close(found[:3, 0], other[:3, 0], atol=1e-6, rtol=0)  # before the first reset
        assert not torch.allclose(found[3:, 0], other[3:, 0], atol=1e-4)
    layer.eval()
    torch.testing.assert_close(layer(x, resets=RESETS)[0], alone(layer, x), atol=2e-6, rtol=0)


@pytest.mark.parametrize("memory", ["fast", "low"])
def test_memory_is_the_layers_choice(memory: str, backend: str) -> None:
    layer = elman.nn.LSTM(IN, H, 2, bidirectional=True, zoneout=0.2, memory=memory, backend=backend)
    other = elman.nn.LSTM(IN, H, 2, bidirectional=True, zoneout=0.2, backend=backend)
    other.load_state_dict(layer.state_dict())
    x = torch.randn(T, B, IN)
    found = []
    for subject in (layer, other):
        torch.manual_seed(2)
        output, _ = subject(x, lengths=[T, 0, 4], resets=RESETS)
        found.append([output, *torch.autograd.grad(output.square().sum(), list(subject.parameters()))])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
