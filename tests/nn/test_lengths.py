"""Ragged input: `lengths=` in any order, zeros included, on the layers and on any cell."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence

import elman.nn

IN, H, T = 3, 7, 6
LENGTHS = [4, 0, 6, 1, 3]
LAYERS = {
    "rnn": lambda **o: elman.nn.RNN(IN, H, 2, **o),
    "gru": lambda **o: elman.nn.GRU(IN, H, 2, reset_after=False, **o),
    "lstm": lambda **o: elman.nn.LSTM(IN, H, 2, peepholes=True, proj_size=4, **o),
}


def as_tuple(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def initial(layer: elman.nn.Recurrent, batch: int) -> Any:
    _, state = layer(torch.randn(2, batch, IN))
    drawn = tuple(torch.randn_like(s) for s in as_tuple(state))
    return drawn if len(drawn) > 1 else drawn[0]


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("kind", LAYERS)
def test_each_sequence_runs_as_if_alone(kind: str, both_ways: bool, backend: str) -> None:
    layer = LAYERS[kind](bidirectional=both_ways, backend=backend)
    x, hx = torch.randn(T, len(LENGTHS), IN), initial(layer, len(LENGTHS))
    output, state = layer(x, hx, lengths=LENGTHS)
    for b, length in enumerate(LENGTHS):
        own = tuple(s[:, b] for s in as_tuple(hx))
        assert not output[length:, b].any()
        expected = own
        if length:
            alone, final = layer(x[:length, b], own if len(own) > 1 else own[0])
            torch.testing.assert_close(output[:length, b], alone, atol=2e-6, rtol=0)
            expected = as_tuple(final)
        for got, wanted in zip(as_tuple(state), expected, strict=True):
            torch.testing.assert_close(got[:, b], wanted, atol=2e-6, rtol=0)


@pytest.mark.parametrize("kind", LAYERS)
def test_what_stands_in_the_padding_does_not_matter(kind: str, backend: str) -> None:
    layer = LAYERS[kind](bidirectional=True, backend=backend)
    clean = torch.randn(T, len(LENGTHS), IN)
    dirty = clean.clone()
    for b, length in enumerate(LENGTHS):
        dirty[length:, b] = float("nan")
    results = []
    for x in (clean, dirty):
        x.requires_grad_()
        output, state = layer(x, lengths=LENGTHS)
        loss = output.square().sum() + sum(s.square().sum() for s in as_tuple(state))
        gradients = torch.autograd.grad(loss, [x, *layer.parameters()])
        results.append((output, *as_tuple(state), *gradients))
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)
    for b, length in enumerate(LENGTHS):
        assert not gradients[0][length:, b].any()


@pytest.mark.parametrize(
    "given",
    [
        LENGTHS,
        tuple(LENGTHS),
        torch.tensor(LENGTHS),
        torch.tensor(LENGTHS, dtype=torch.int32),
        torch.tensor(LENGTHS, dtype=torch.uint8),
    ],
    ids=["list", "tuple", "int64", "int32", "uint8"],
)
def test_lengths_come_as_any_integers(given: Any, backend: str) -> None:
    layer = elman.nn.GRU(IN, H, batch_first=True, backend=backend)
    x = torch.randn(len(LENGTHS), T, IN)
    assert torch.equal(layer(x, lengths=given)[0], layer(x, lengths=list(LENGTHS))[0])


def test_full_lengths_are_no_lengths(backend: str) -> None:
    layer = elman.nn.LSTM(IN, H, bidirectional=True, backend=backend)
    x = torch.randn(T, 2, IN)
    torch.testing.assert_close(layer(x, lengths=[T, T]), layer(x), atol=1e-6, rtol=0)


def test_one_sequence_takes_one_length(backend: str) -> None:
    layer = elman.nn.LSTM(IN, H, bidirectional=True, backend=backend)
    x = torch.randn(T, IN)
    output, (h, c) = layer(x, lengths=[2])
    alone, (h2, c2) = layer(x[:2])
    torch.testing.assert_close((output[:2], h, c), (alone, h2, c2), atol=1e-6, rtol=0)
    assert output.shape == (T, 2 * H)
    assert not output[2:].any()


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (4, 0), (0, 0)])
def test_nothing_to_walk(kind: str, steps: int, batch: int, backend: str) -> None:
    layer = LAYERS[kind](bidirectional=True, backend=backend)
    hx = initial(layer, batch)
    given = as_tuple(hx)
    for lengths in (None, [0] * batch):
        x = torch.randn(steps, batch, IN, requires_grad=True)
        for value in given:
            value.requires_grad_()
        output, state = layer(x, hx, lengths=lengths)
        assert output.shape == (steps, batch, 2 * given[0].shape[-1])
        assert all(torch.equal(a, b) for a, b in zip(as_tuple(state), given, strict=True))
        loss = output.sum() + sum(s.sum() for s in as_tuple(state))
        leaves = [*given, x, *layer.parameters()]
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        assert all(torch.equal(g, torch.ones_like(g)) for g in gradients[: len(given)])
        assert all(g is None or not g.any() for g in gradients[len(given) :])


def test_lengths_and_packing_are_two_ways_to_the_same(backend: str) -> None:
    sequences = [torch.randn(length, IN) for length in (2, 5, 3)]
    layer = elman.nn.GRU(IN, H, 2, bidirectional=True, backend=backend)
    hx = torch.randn(4, 3, H)
    packed, packed_state = layer(pack_sequence(sequences, enforce_sorted=False), hx)
    padded = torch.nn.utils.rnn.pad_sequence(sequences)
    output, state = layer(padded, hx, lengths=[2, 5, 3])
    torch.testing.assert_close(torch.nn.utils.rnn.pad_packed_sequence(packed)[0], output, atol=1e-6, rtol=0)
    torch.testing.assert_close(packed_state, state, atol=1e-6, rtol=0)
