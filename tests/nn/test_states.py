"""States: learned starts, all steps on request, states as wide as the input, states carried over calls."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import elman.nn
from elman.cells import Cell, State, tanh
from elman.errors import ArgumentError

IN, H, T, B = 3, 5, 6, 4


class Tapped(Cell):
    """Sees the last input beside the new one: a state of width I."""

    states = (State("h"), State("older", "I"))

    def step(self, x: Any, h: Any, older: Any) -> tuple[Any, Any]:
        return tanh(self.project(x, "x") + self.project(older, "older") + self.project(h, "h")), x


def randomised(layer: Any) -> Any:
    """The layer with learned starts that are not zero."""
    with torch.no_grad():
        for name, p in layer.named_parameters():
            if name.startswith("initial_"):
                p.normal_()
    return layer


@pytest.mark.parametrize("bidirectional", [False, True])
def test_learned_starts_are_as_if_given(bidirectional: bool, backend: str) -> None:
    layer = randomised(
        elman.nn.LSTM(IN, H, 2, bidirectional=bidirectional, learn_initial_state=True, backend=backend)
    )
    x = torch.randn(T, B, IN)
    lengths = torch.tensor([T, 0, 2, 5])
    sides = ("", "_reverse") if bidirectional else ("",)
    h, c = (
        torch.stack([getattr(layer, f"initial_{s}_l{n}{side}") for n in (0, 1) for side in sides])
        .unsqueeze(1)
        .expand(-1, B, -1)
        for s in "hc"
    )
    learned = layer(x, lengths=lengths)
    torch.testing.assert_close(learned, layer(x, (h, c), lengths), atol=0, rtol=0)
    torch.testing.assert_close(learned[1][0][:, 1], h[:, 1], atol=0, rtol=0)  # length 0: where it began
    learned[0].square().sum().backward()
    grads = {name: p.grad for name, p in layer.named_parameters() if name.startswith("initial_")}
    assert len(grads) == 4 * len(sides)
    assert all(g is not None and g.shape == (H,) and g.abs().max() > 0 for g in grads.values())


def test_learned_starts_are_zero_at_first_and_travel() -> None:
    layer = elman.nn.GRU(IN, H, learn_initial_state=True)
    assert not layer.initial_h_l0.any()
    assert "initial_h_l0" in layer.state_dict()
    randomised(layer)
    x = torch.randn(T, B, IN)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(x), layer(x), atol=0, rtol=0)
    fresh = elman.nn.GRU(IN, H, learn_initial_state=True)
    fresh.load_state_dict(layer.state_dict())
    torch.testing.assert_close(fresh(x), layer(x), atol=0, rtol=0)
    layer.reset_parameters()
    assert not layer.initial_h_l0.any()
    assert "learn_initial_state=True" in repr(layer)


def steps_of(layer: Any, x: Tensor, direction: int) -> list[Tensor]:
    """The states after each step of a single layer in one direction, one call for each step."""
    order = range(T) if direction == 0 else reversed(range(T))
    states, rows = None, {}
    for t in order:
        _, states = layer(x[t : t + 1], states)
        rows[t] = states
    return [torch.cat([rows[t][k] for t in range(T)]) for k in range(2)]


def test_all_states_are_those_of_every_step(backend: str) -> None:
    layer = elman.nn.LSTM(IN, H, bidirectional=True, backend=backend)
    x = torch.randn(T, B, IN)
    sequences, _ = layer(x, all_states=True)
    assert isinstance(sequences, tuple)
    torch.testing.assert_close(sequences[0], layer(x)[0], atol=0, rtol=0)
    for direction, ending in ((0, ""), (1, "_reverse")):
        single = elman.nn.LSTM(IN, H, backend=backend)
        single.load_state_dict({k: getattr(layer, k + ending) for k in single.state_dict()})
        for found, expected in zip(sequences, steps_of(single, x, direction), strict=True):
            torch.testing.assert_close(
                found[..., direction * H : (direction + 1) * H], expected, atol=2e-6, rtol=0
            )
    sequences[1].square().sum().backward()
    assert all(p.grad is not None for p in layer.parameters())


def test_all_states_come_in_the_layout_of_the_input(backend: str) -> None:
    layer = elman.nn.LSTM(IN, H, 2, proj_size=2, batch_first=True, backend=backend)
    x, lengths = torch.randn(B, T, IN), torch.tensor([3, 1, T, 5])
    (h, c), _ = layer(x, lengths=lengths, all_states=True)
    assert (h.shape, c.shape) == ((B, T, 2), (B, T, H))
    assert not c[0, 3:].any()
    (alone_h, alone_c), _ = layer(x[2], all_states=True)
    torch.testing.assert_close((alone_h, alone_c), (h[2], c[2]), atol=1e-6, rtol=0)
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    for sequence, expected in zip(layer(packed, all_states=True)[0], (h, c), strict=True):
        torch.testing.assert_close(
            pad_packed_sequence(sequence, batch_first=True)[0], expected, atol=1e-6, rtol=0
        )


def test_states_as_wide_as_the_input(backend: str) -> None:
    layer = elman.nn.Recurrent(Tapped(), IN, H, 2, bidirectional=True, backend=backend)
    x = torch.randn(T, B, IN)
    output, (h, older) = layer(x)
    assert h.shape == (4, B, H)
    assert [tuple(part.shape) for part in older] == [(2, B, IN), (2, B, 2 * H)]
    torch.testing.assert_close(older[0], torch.stack([x[-1], x[0]]), atol=0, rtol=0)
    again, _ = layer(x, (torch.zeros_like(h), tuple(torch.zeros_like(part) for part in older)))
    torch.testing.assert_close(again, output, atol=0, rtol=0)
    narrow = elman.nn.Recurrent(Tapped(), IN, H, backend=backend)
    first, state = narrow(x[:2])
    second, _ = narrow(x[2:], state)
    torch.testing.assert_close(torch.cat([first, second]), narrow(x)[0], atol=1e-6, rtol=0)
    with pytest.raises(ArgumentError) as caught:
        layer(x, (h, older[0]))
    assert str(caught.value) == (
        "hx, state 'older': expected a tuple of 2 tensors, one for each layer, as the layer returns it, "
        "got a Tensor. It is as wide as each layer's input, which differs between the layers."
    )


def test_states_carried_over_calls_train_in_windows(backend: str) -> None:
    """Truncated backpropagation: the numbers of one long call, gradients of the last window alone."""
    layer = elman.nn.LSTM(IN, H, 2, zoneout=0.3, backend=backend).eval()
    x = torch.randn(3 * T, B, IN, requires_grad=True)
    state, outputs = None, []
    for window in x.split(T):
        state = None if state is None else tuple(s.detach() for s in state)
        output, state = layer(window, state)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs), layer(x)[0], atol=2e-6, rtol=0)
    outputs[-1].sum().backward()
    assert x.grad is not None
    assert not x.grad[: 2 * T].any()
    assert (x.grad[2 * T :].abs().amax(dim=(1, 2)) > 0).all()


def test_a_state_of_another_batch_size() -> None:
    layer = elman.nn.GRU(IN, H)
    _, state = layer(torch.randn(T, B, IN))
    with pytest.raises(ArgumentError) as caught:
        layer(torch.randn(T, B - 1, IN), state)
    assert str(caught.value) == (
        "hx: expected shape (1, 3, 5) = (num_layers * directions, batch, features), got (1, 4, 5). "
        "The state is of a batch of 4 sequences, the input of 3: leave hx out to start from zeros, or carry "
        "the states of the same sequences."
    )
