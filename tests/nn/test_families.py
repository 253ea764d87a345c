"""The layer classes: one for each registered cell, with the cell's options as checked keywords."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
import torch

import elman.nn
from elman import cells
from elman.errors import ArgumentError
from elman.nn import CellLayer, Recurrent

IN, H, T, B = 3, 6, 5, 4
CASES = [(name, options) for name in cells.names() for options in cells.variants(name)]


def layer_of(name: str, options: Mapping[str, Any], **further: Any) -> Any:
    """The layer of a registered cell in one set of the options that the registry lists."""
    given = dict(options)
    if given.pop("projection", False):
        further["proj_size"] = 2
    if name == "rnn" and "activation" in given:
        further["nonlinearity"] = given.pop("activation")
    return getattr(elman.nn, type(cells.create(name)).__name__)(IN, H, **given, **further)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_each_cell_has_a_layer_that_is_recurrent_over_it(name: str, options: Mapping[str, Any]) -> None:
    torch.manual_seed(8)
    layer = layer_of(name, options)
    torch.manual_seed(8)
    general = Recurrent(cells.create(name, **options), IN, H, proj_size=layer.proj_size)
    x = torch.randn(T, B, IN)
    assert list(layer.state_dict()) == list(general.state_dict())
    torch.testing.assert_close(layer(x), general(x), atol=0, rtol=0)


@pytest.mark.parametrize("name", cells.names())
def test_everything_together(name: str) -> None:
    """Stacked, in both directions, ragged, batch first, regularised, with learned starts; and its copies."""
    options = {"num_layers": 2, "bidirectional": True, "batch_first": True, "learn_initial_state": True}
    rates = {"dropout": 0.1, "input_dropout": 0.1, "recurrent_dropout": 0.1, "weight_drop": 0.1}
    layer = layer_of(name, cells.variants(name)[-1], zoneout=0.1, **options, **rates)
    x, lengths = torch.randn(B, T, IN, requires_grad=True), [T, 0, 2, 1]
    outputs, _ = layer(x, lengths=lengths, all_states=True)
    assert len(outputs) == len(layer.program.states)
    sum(o.square().sum() for o in outputs).backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    layer.eval()
    expected = layer(x, lengths=lengths)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    saved = torch.load(file, weights_only=False)
    fresh = layer_of(name, cells.variants(name)[-1], zoneout=0.1, **options, dropout=0.1).eval()
    fresh.load_state_dict(layer.state_dict())
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), saved, fresh):
        torch.testing.assert_close(other(x, lengths=lengths), expected, atol=0, rtol=0)
    assert repr(saved) == repr(layer)


def test_the_signature_lists_the_options_of_the_cell() -> None:
    found = inspect.signature(elman.nn.NARX).parameters
    assert list(found)[:4] == ["input_size", "hidden_size", "num_layers", "bias"]
    assert {"outputs", "hidden", "inputs", "zoneout", "memory", "backend"} <= set(found)
    assert "proj_size" not in found
    assert "proj_size" in inspect.signature(elman.nn.Jordan).parameters
    assert "projection" not in inspect.signature(elman.nn.LSTM).parameters
    assert {"nonlinearity", "start"} <= set(inspect.signature(elman.nn.RNN).parameters)
    assert "activation" not in inspect.signature(elman.nn.RNN).parameters
    assert (elman.nn.NARX.__doc__ or "").startswith("NARX, Lin et al. 1996")


def test_options_that_a_cell_does_not_have() -> None:
    with pytest.raises(ArgumentError) as caught:
        elman.nn.MinGRU(IN, H, peepholes=True)
    assert str(caught.value) == (
        "MinGRU option: unknown name 'peepholes'. Valid: backend, batch_first, bias, bidirectional, device, "
        "dropout, dtype, hidden_size, input_dropout, input_size, learn_initial_state, memory, num_layers, "
        "recurrent_dropout, recurrent_dropout_mode, weight_drop, zoneout."
    )
    with pytest.raises(ArgumentError, match=r"QRNN option: unknown name 'windw'. Did you mean 'window'\?"):
        elman.nn.QRNN(IN, H, windw=3)
    with pytest.raises(ArgumentError, match=r"unknown name 'num_layer'. Did you mean 'num_layers'"):
        elman.nn.GRU(IN, H, num_layer=2)
    with pytest.raises(ArgumentError, match="RNN option: unknown name 'activation'"):
        elman.nn.RNN(IN, H, activation="relu")


def test_options_show_in_repr() -> None:
    assert repr(elman.nn.SLSTM(IN, H, 2, heads=2, zoneout=(0.1, 0.0, 0.0, 0.0))) == (
        "SLSTM(3, 6, num_layers=2, zoneout=(0.1, 0.0, 0.0, 0.0), heads=2)"
    )
    assert repr(elman.nn.LSTM(IN, H, proj_size=2, coupled=True, memory="low")) == (
        "LSTM(3, 6, proj_size=2, memory=low, coupled=True)"
    )


def test_a_class_for_a_cell_of_ones_own() -> None:
    class Leaky(cells.Cell):
        def __init__(self, rate: float = 0.5) -> None:
            self.rate = rate

        def step(self, x: Any, h: Any) -> Any:
            return self.rate * h + self.project(x, "x")

    class LeakyLayer(CellLayer, cell=Leaky):
        """Leaks."""

    layer = LeakyLayer(IN, H, bidirectional=True, rate=0.25)
    assert layer(torch.randn(T, B, IN))[0].shape == (T, B, 2 * H)
    assert repr(layer) == "LeakyLayer(3, 6, bidirectional=True, rate=0.25)"
