"""Pooling, convolution and truncation, against plain loops over the sequences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from elman.cells import create
from elman.errors import ArgumentError
from elman.nn import LSTM
from elman.tasks import truncated as truncation
from elman.tasks.classify import ClassifyOptions
from elman.tasks.convolution import Convolution
from elman.tasks.inputs import NumberInputs
from elman.tasks.pooled.network import SequenceNetwork
from elman.tasks.pooled.pooling import HEADS, POOLS, Attention, pool_named
from elman.tasks.truncated import truncated

LENGTHS = torch.tensor([4, 1, 0, 6])


def zeroed(steps: torch.Tensor) -> torch.Tensor:
    """Steps past a length are zero, as the layers give them."""
    return steps * (torch.arange(len(steps))[:, None] < LENGTHS)[:, :, None]


@pytest.mark.parametrize("name", ["mean", "max"])
def test_over_each_sequences_own_steps(name: str) -> None:
    steps = zeroed(torch.randn(6, 4, 3) - 5)
    pooled = pool_named(name, 3)(steps, torch.randn(2, 4, 3), LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        own = steps[:length, b]
        expected = torch.zeros(3) if length == 0 else own.mean(0) if name == "mean" else own.amax(0)
        torch.testing.assert_close(pooled[b], expected)


@pytest.mark.parametrize("name", sorted(set(POOLS) - {"attention"}))
def test_without_lengths_all_steps_count(name: str) -> None:
    steps, ends = torch.randn(6, 4, 3), torch.randn(1, 4, 3)
    expected = {"mean": steps.mean(0), "max": steps.amax(0), "last": ends[0]}[name]
    torch.testing.assert_close(pool_named(name, 3)(steps, ends, None), expected)


def test_attention_is_a_weighted_mean_of_own_steps() -> None:
    pool = Attention(3)
    steps = zeroed(torch.randn(6, 4, 3))
    pooled = pool(steps, torch.randn(1, 4, 3), LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        own = steps[:length, b]
        scores = torch.tanh(own @ pool.project.weight.T + pool.project.bias) @ pool.query.weight[0]
        expected = (scores.softmax(0)[:, None] * own).sum(0)
        torch.testing.assert_close(pooled[b], expected)
    all_steps = torch.randn(6, 4, 3)
    torch.testing.assert_close(
        pool(all_steps, torch.randn(1, 4, 3), None),
        pool(all_steps, torch.randn(1, 4, 3), torch.full((4,), 6)),
    )


@pytest.mark.parametrize(("width", "stride"), [(1, 1), (2, 1), (3, 2), (4, 3), (5, 1), (7, 2)])
def test_a_convolution_of_each_sequence_alone(width: int, stride: int) -> None:
    front = Convolution(3, 5, width, stride)
    x = zeroed(torch.randn(6, 4, 3))
    together, lengths = front(x, LENGTHS)
    assert lengths is not None
    assert lengths.tolist() == [-(-n // stride) for n in LENGTHS.tolist()]
    for b, length in enumerate(LENGTHS.tolist()):
        own = front(x[:length, b : b + 1], None)[0] if length else torch.zeros(0, 1, 5)
        torch.testing.assert_close(together[: len(own), b], own[:, 0])
        assert not together[len(own) :, b].any()
    window = torch.nn.functional.pad(x[:4, :1], (0, 0, 0, 0, (width - 1) // 2, width // 2))[:width, 0]
    expected = (front.filters.weight * window.T).sum((1, 2)) + front.filters.bias
    torch.testing.assert_close(front(x[:4, :1], None)[0][0, 0], expected.relu())


def test_truncation_changes_the_gradient_alone() -> None:
    lstm = LSTM(3, 5, num_layers=2)
    x = zeroed(torch.randn(6, 4, 3)).requires_grad_()
    whole, (h, c) = lstm(x, lengths=LENGTHS)
    cut, (h2, c2) = truncated(lambda x, n, s: lstm(x, s, lengths=n), x, LENGTHS, 2)
    for a, b in ((whole, cut), (h, h2), (c, c2)):
        torch.testing.assert_close(a, b)
    (gradient,) = torch.autograd.grad(cut.square().sum(), x)
    for b, length in enumerate(LENGTHS.tolist()):
        seen = gradient[:, b].abs().sum(1) > 0
        assert seen.tolist() == [max(length - 2, 0) <= t < length for t in range(6)]
    torch.testing.assert_close(truncated(lambda x, n, s: lstm(x, s, lengths=n), x, None, 4)[0], lstm(x)[0])


def network(pooling: str, **options: Any) -> SequenceNetwork:
    torch.manual_seed(3)
    given = ClassifyOptions(hidden_size=5, layers=2, pooling=pooling, bidirectional=False, **options)
    return SequenceNetwork(NumberInputs(3), create("gru"), given, 2)


@pytest.mark.parametrize("lengths", [LENGTHS, None])
@pytest.mark.parametrize("pooling", sorted(POOLS))
def test_steps_that_are_not_kept_are_pooled(
    pooling: str, lengths: torch.Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truncation, "PIECE", 2)
    whole, cut = network(pooling), network(pooling, bptt=1)
    for x in (torch.randn(6, 4, 3) - 2, torch.randn(6, 4, 3) + 2):  # below zero too, where padding would show
        torch.testing.assert_close(cut(x, lengths), whole(x, lengths))
        with torch.inference_mode():
            torch.testing.assert_close(cut(x, lengths), whole(x, lengths))
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(cut(x, lengths).square().sum(), x)
    last = (torch.full((4,), 6) if lengths is None else lengths) - 1
    assert not gradient[torch.arange(6)[:, None] != last].any()


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that comes into being, views of `given` aside."""

    def __init__(self, given: torch.Tensor) -> None:
        super().__init__()
        self.given, self.numbers = given.data_ptr(), 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, (tuple, list)) else [found]:
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() != self.given:
                self.numbers = max(self.numbers, tensor.numel())
        return found


@pytest.mark.parametrize("pooling", sorted(HEADS))
def test_memory_grows_with_bptt_and_not_with_the_sequence(pooling: str) -> None:
    net, largest = network(pooling, bptt=20), []
    for steps in (600, 2_400):
        x = torch.randn(steps, 2, 3)
        with Largest(x) as mode:
            net(x, torch.tensor([steps, steps - 100])).sum().backward()
        largest.append(mode.numbers)
    assert largest[0] == largest[1]


def test_last_puts_the_directions_side_by_side() -> None:
    ends = torch.randn(2, 4, 3)
    torch.testing.assert_close(
        pool_named("last", 6)(torch.randn(6, 4, 6), ends, None), torch.cat([ends[0], ends[1]], 1)
    )


def test_the_gradient_of_the_largest_value_goes_to_all_that_are_largest() -> None:
    steps = torch.randint(-2, 3, (6, 4, 3)).double().requires_grad_()  # with values that are largest twice
    gradient = torch.randn(4, 3, dtype=torch.float64)
    pooled = pool_named("max", 3)(steps, torch.randn(1, 4, 3), None)
    assert ((steps == pooled).sum(0) > 1).any()
    (found,) = torch.autograd.grad(pooled, steps, gradient)
    (expected,) = torch.autograd.grad(steps.amax(0), steps, gradient)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    distinct = torch.randn(6, 4, 3, dtype=torch.float64, requires_grad=True)
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda x: pool_named("max", 3)(x, torch.empty(0), LENGTHS), distinct)


def test_an_unknown_pooling() -> None:
    with pytest.raises(ArgumentError, match="pooling: unknown name 'avg'"):
        pool_named("avg", 3)
