"""Memory of large tensors: what one call has let go of serves the next, and what is held is left alone."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

import elman.nn
from elman.backends import native

engine = native._engine
LARGE = (64, 32, 256)  # 2 MB
SHIFT = 2**15  # more than a tensor may lie behind its block's start


def test_what_was_let_go_of_serves_the_next() -> None:
    like = torch.zeros(1)
    held = [native.empty(like, *LARGE) for _ in range(3)]
    addresses = {tensor.untyped_storage().data_ptr() // 2**21 for tensor in held}
    before = engine.kept_bytes()
    del held
    after = engine.kept_bytes()
    assert after - before >= 3 * 2**21
    again = [native.empty(like, *LARGE) for _ in range(3)]
    assert {tensor.untyped_storage().data_ptr() // 2**21 for tensor in again} & addresses
    assert engine.kept_bytes() < after


@pytest.mark.parametrize("dtype", native.dtypes())
def test_tensors_are_as_torch_makes_them(dtype: torch.dtype) -> None:
    tensor = native.empty(torch.zeros(1, dtype=dtype), *LARGE)
    assert tensor.dtype is dtype
    assert tensor.shape == LARGE
    assert tensor.is_contiguous()
    assert tensor.data_ptr() % 64 == 0
    tensor.fill_(2.0)
    assert torch.equal(copy.deepcopy(tensor), tensor)
    assert torch.equal(pickle.loads(pickle.dumps(tensor)), tensor)
    assert torch.equal(tensor.clone().share_memory_(), tensor)
    assert tensor.share_memory_().is_shared()
    assert (tensor == 2.0).all()


def test_what_is_held_is_left_alone() -> None:
    """Outputs, states and gradients of a call stay as they are through later ones."""
    layer = elman.nn.LSTM(64, 64)
    found, copies = [], []
    for _ in range(4):
        x = torch.randn(100, 32, 64, requires_grad=True)
        output, (h, c) = layer(x)
        output.square().sum().backward()
        found.append((output.detach(), h.detach(), c.detach(), x.grad))
        copies.append([tensor.clone() for tensor in found[-1]])
        layer.zero_grad()
    for tensors, saved in zip(found, copies, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(tensors, saved, strict=True))
    starts = [tensor.data_ptr() for tensors in found for tensor in tensors]
    assert len(set(starts)) == len(starts)


def test_a_graph_that_is_kept_can_be_walked_twice() -> None:
    layer = elman.nn.GRU(64, 64)
    x = torch.randn(100, 32, 64, requires_grad=True)
    loss = layer(x)[0].square().sum()
    (first,) = torch.autograd.grad(loss, x, retain_graph=True)
    layer(torch.randn(100, 32, 64))[0].sum().backward()
    (second,) = torch.autograd.grad(loss, x)
    assert torch.equal(first, second)


def test_no_more_is_kept_than_was_once_in_use() -> None:
    """Sizes that come once each would otherwise pile up."""
    like = torch.zeros(1)
    most = engine.kept_bytes() + 3 * 2**21
    for steps in range(64, 640, 64):
        del_me = native.empty(like, steps, 32, 256)
        most = max(most, del_me.nbytes + 2 * 2**21)
        del del_me
    assert engine.kept_bytes() <= most


def addresses(sizes: list[int]) -> list[int]:
    """Of tensors of so many kilobytes, which are let go of at once."""
    held = [native.empty(torch.zeros(1), size, 256) for size in sizes]
    return [tensor.data_ptr() for tensor in held]


def test_sizes_that_take_turns_share_their_memory() -> None:
    large, small = [48 * 1024] * 2, [15 * 1024] * 6
    addresses([100 * 1024])
    for _ in range(2):  # what earlier tests left may serve at first
        first = addresses(large)
    for _ in range(3):
        within = addresses(small)
        assert all(any(-SHIFT <= at - start < 49 << 20 for start in first) for at in within)
        assert all(any(abs(at - start) < SHIFT for start in first) for at in addresses(large))


def test_the_rest_of_a_block_serves_while_a_part_is_held() -> None:
    (start,) = addresses([100 * 1024])
    held = native.empty(torch.zeros(1), 1024, 256)
    assert -SHIFT <= held.data_ptr() - start < 100 << 20
    (within,) = addresses([90 * 1024])
    assert -SHIFT <= within - start < 10 << 20
    held.fill_(1.0)
    native.empty(torch.zeros(1), 90 * 1024, 256).fill_(2.0)
    assert (held == 1.0).all()


def test_pieces_are_joined_in_whatever_order_they_come_back() -> None:
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]):
        (start,) = addresses([24 * 1024])
        held: list[torch.Tensor | None] = [native.empty(torch.zeros(1), 7 * 1024, 256) for _ in range(3)]
        for number in order:
            held[number] = None
        assert abs(addresses([24 * 1024])[0] - start) < SHIFT


def test_little_is_kept() -> None:
    like = torch.zeros(1)
    held = [native.empty(like, 200, 2**20) for _ in range(3)]  # 800 MB each, never touched
    del held
    assert engine.kept_bytes() <= 512 << 20


def test_a_size_that_overflows() -> None:
    with pytest.raises(ValueError, match="the tensor's bytes overflow"):
        engine.empty((2**40, 2**40))
