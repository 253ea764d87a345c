"""Outputs, final states and every gradient of RNN, GRU and LSTM against torch.nn's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import elman.nn

# torch says this once about its own layer; ours has nothing to say
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

IN, H, P, B, T = 3, 7, 5, 3, 4
LENGTHS = [2, 4, 1]
KINDS = {
    "rnn-tanh": ("RNN", {}),
    "rnn-relu": ("RNN", {"nonlinearity": "relu"}),
    "gru": ("GRU", {}),
    "lstm": ("LSTM", {}),
    "lstm-projected": ("LSTM", {"proj_size": P}),
}
#: (num_layers, bias, batch_first, initial states given): every pair of values stands in some row.
ROWS = (
    (1, True, False, True),
    (1, False, True, False),
    (2, True, True, False),
    (2, False, False, True),
    (3, True, False, False),
    (3, False, True, True),
)
FORMS = ("plain", "ragged", "packed", "packed-sorted", "unbatched")


def pair(kind: str, reader: Any, **options: Any) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Our layer and torch's, with the same weights."""
    name, own = KINDS[kind]
    theirs = getattr(torch.nn, name)(IN, H, dtype=reader.dtype, **own, **options)
    ours = getattr(elman.nn, name)(IN, H, dtype=reader.dtype, backend=reader.backend, **own, **options)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def draw(form: str, layer: Any, dtype: torch.dtype) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Input and initial states as leaves, in the layout of that form."""
    rows = layer.num_layers * (1 + layer.bidirectional)
    batch = () if form == "unbatched" else (B,)
    widths = [layer.proj_size or H] + ([H] if isinstance(layer, torch.nn.LSTM) else [])
    time_and_batch = (T, *batch) if form == "unbatched" or not layer.batch_first else (B, T)
    x = torch.randn(*time_and_batch, IN, dtype=dtype, requires_grad=True)
    return x, tuple(torch.randn(rows, *batch, w, dtype=dtype, requires_grad=True) for w in widths)


def packed(x: Tensor, form: str, batch_first: bool) -> PackedSequence:
    by_length = form == "packed-sorted"
    lengths = sorted(LENGTHS, reverse=True) if by_length else LENGTHS
    return pack_padded_sequence(x, torch.tensor(lengths), batch_first, enforce_sorted=by_length)


def call(layer: Any, form: str, x: Tensor, hx: Any, own: bool) -> tuple[Tensor, Any]:
    """The layer's output as one tensor, and its final state; torch meets ragged input by packing."""
    if form.startswith("packed"):
        output, state = layer(packed(x, form, layer.batch_first), hx)
        assert isinstance(output, PackedSequence)
        return output.data, state
    if form == "ragged" and own:
        return layer(x, hx, lengths=LENGTHS)
    if form == "ragged":
        output, state = layer(packed(x, form, layer.batch_first), hx)
        return pad_packed_sequence(output, layer.batch_first, total_length=T)[0], state
    return layer(x, hx)


def everything(
    layer: Any, form: str, x: Tensor, states: tuple[Tensor, ...], own: bool, give: bool
) -> dict[str, Tensor]:
    """Output, final states, and the gradients of a random weighting of them all."""
    hx = None if not give else states if len(states) > 1 else states[0]
    output, final = call(layer, form, x, hx, own)
    finals = final if isinstance(final, tuple) else (final,)
    found = {"output": output, **{f"final {i}": f for i, f in enumerate(finals)}}
    generator = torch.Generator().manual_seed(5)
    loss = sum(
        (value * torch.randn(value.shape, generator=generator, dtype=value.dtype)).sum()
        for value in found.values()
    )
    leaves = {"input": x, **dict(layer.named_parameters())}
    if give:
        leaves.update({f"initial {i}": s for i, s in enumerate(states)})
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    found.update({f"gradient of {name}": g for name, g in zip(leaves, gradients, strict=True)})
    return found


@contextmanager
def one_thread() -> Iterator[None]:
    """A second thread only slows torch's own layers at these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_layer_agrees_with_torch(
    kind: str, form: str, bidirectional: bool, reader: Any, assert_near: Any
) -> None:
    for layers, bias, batch_first, give in ROWS:
        options = {"num_layers": layers, "bias": bias, "batch_first": batch_first}
        ours, theirs = pair(kind, reader, bidirectional=bidirectional, **options)
        x, states = draw(form, theirs, reader.dtype)
        mine = everything(ours, form, x, states, True, give)
        with one_thread():
            other = everything(theirs, form, x, states, False, give)
        assert mine.keys() == other.keys()
        for name, value in other.items():
            assert_near(mine[name], value, reader.tolerance, (name, options))


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 2, 63, 30), (9, 3, 5, 64)], ids=str)
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_awkward_sizes_agree_with_torch(
    name: str, sizes: tuple[int, int, int, int], reader: Any, assert_near: Any
) -> None:
    steps, batch, features, hidden = sizes
    theirs = getattr(torch.nn, name)(features, hidden, 2, dtype=reader.dtype)
    ours = getattr(elman.nn, name)(features, hidden, 2, dtype=reader.dtype, backend=reader.backend)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(steps, batch, features, dtype=reader.dtype, requires_grad=True)
    mine = everything(ours, "plain", x, (), True, False)
    with one_thread():
        other = everything(theirs, "plain", x, (), False, False)
    for key, value in other.items():
        assert_near(mine[key], value, reader.tolerance, key)


@pytest.mark.parametrize("form", ["packed", "packed-sorted"])
def test_packed_output_keeps_the_order(form: str, backend: str) -> None:
    given = packed(torch.randn(T, B, IN), form, False)
    output, _ = elman.nn.GRU(IN, H, backend=backend)(given)
    for ours, theirs in zip(output[1:], given[1:], strict=True):
        assert ours is theirs or torch.equal(ours, theirs)


def test_dropout_between_layers_draws_as_torch_does(backend: str, assert_near: Any) -> None:
    theirs = torch.nn.GRU(IN, H, 3, dropout=0.4)
    ours = elman.nn.GRU(IN, H, 3, dropout=0.4, backend=backend)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(T, B, IN)
    torch.manual_seed(3)
    expected, _ = theirs(x)
    torch.manual_seed(3)
    got, _ = ours(x)
    assert_near(got, expected, 2e-5)
    again, _ = ours(x)
    assert not torch.allclose(got, again)
    ours.eval()
    assert torch.equal(ours(x)[0], ours(x)[0])
    assert_near(ours(x)[0], theirs.eval()(x)[0], 2e-5)
