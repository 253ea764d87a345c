"""Recording changes no number, and its gradients are those of a loop over time written by hand."""

from __future__ import annotations

import pytest
import torch

from elman.cells import names
from elman.errors import ArgumentError
from elman.nn import LSTM, Recurrent
from elman.nn.recording import recorded

LENGTHS = torch.tensor([7, 0, 3, 5])


@pytest.mark.parametrize("cell", names())
@pytest.mark.parametrize("most", [None, 3])
def test_a_recorded_layer_gives_the_same_numbers(cell: str, most: int | None) -> None:
    layer = Recurrent(cell, 5, 8, 2, bidirectional=True, dtype=torch.float64)
    x = torch.randn(7, 4, 5, dtype=torch.float64)
    output, state = layer(x, lengths=LENGTHS)
    with recorded(layer, most) as walks:
        again, final = layer(x, lengths=LENGTHS)
    torch.testing.assert_close(again, output)
    torch.testing.assert_close(final, state)
    assert [(walk.layer, walk.direction) for walk in walks] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(len(walk.states) == (most or 7) for walk in walks)
    plain, _ = layer(x, lengths=LENGTHS)  # nothing is left behind
    assert plain.requires_grad
    assert len(walks) == 4


def test_the_gradients_are_those_of_a_loop_by_hand() -> None:
    layer = LSTM(5, 8, dtype=torch.float64)
    x = torch.randn(6, 3, 5, dtype=torch.float64)
    weight = torch.randn(6, 3, 8, dtype=torch.float64)
    with recorded(layer) as walks:
        output, _ = layer(x)
    recorded_states = [state for after in walks[0].states for state in after]
    found = torch.autograd.grad((output * weight).sum(), recorded_states, allow_unused=True)
    step = torch.nn.LSTMCell(5, 8, dtype=torch.float64)
    step.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    h = c = torch.zeros(3, 8, dtype=torch.float64)
    states, loss = [], torch.zeros((), dtype=torch.float64)
    for t in range(6):
        h, c = (state.clone() for state in step(x[t], (h, c)))  # what h owes to c of its own step is no part
        states += [h, c]
        loss = loss + (h * weight[t]).sum()
    for ours, theirs in zip(found, torch.autograd.grad(loss, states, allow_unused=True), strict=True):
        assert (ours is None) == (theirs is None)  # the last cell state leads nowhere
        torch.testing.assert_close(ours, theirs)


def test_places_of_ragged_sequences() -> None:
    layer = Recurrent("gru", 2, 3, bidirectional=True)
    with recorded(layer) as walks:
        layer(torch.randn(4, 2, 2), lengths=torch.tensor([4, 2]))
    forward, backward = walks
    assert forward.steps == [0, 1, 2, 3]
    assert forward.lags.tolist() == [[3, 1], [2, 0], [1, -1], [0, -2]]
    assert backward.steps == [3, 2, 1, 0]
    assert backward.lags.tolist() == [[3, 3], [2, 2], [1, 1], [0, 0]]
    assert backward.running.tolist() == [[True, False], [True, False], [True, True], [True, True]]
    assert [forward.title, backward.title] == ["layer 1", "layer 1 from the end"]


def test_a_network_without_recurrent_layers() -> None:
    said = "module: expected a network with layers of elman.nn, got a Linear without any. Build it with"
    with pytest.raises(ArgumentError, match=said), recorded(torch.nn.Linear(2, 2)):
        pass


def test_resets_are_refused() -> None:
    layer = Recurrent("gru", 2, 3)
    resets = torch.zeros(4, 2, dtype=torch.bool)
    with (
        recorded(layer),
        pytest.raises(ArgumentError, match="resets: expected none while a layer is recorded"),
    ):
        layer(torch.randn(4, 2, 2), resets=resets)
