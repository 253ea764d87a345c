"""Replacing the import is all a user does: constructors, weights, attributes and `repr` are torch.nn's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

import elman.nn

# torch says this once about its own layer; ours has nothing to say
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

LAYERS = ("RNN", "GRU", "LSTM")
OPTIONS = (
    {},
    {"num_layers": 3, "bidirectional": True},
    {"bias": False, "batch_first": True},
    {"num_layers": 2, "dropout": 0.25},
)


def both(name: str, *args: Any, **options: Any) -> tuple[Any, Any]:
    """Our layer and torch's, each built after the same seed."""
    made = []
    for place in (elman.nn, torch.nn):
        torch.manual_seed(11)
        made.append(getattr(place, name)(*args, **options))
    return made[0], made[1]


def cases() -> list[Any]:
    plain = [(name, options) for name in LAYERS for options in OPTIONS]
    more = [
        ("RNN", {"nonlinearity": "relu"}),
        ("LSTM", {"proj_size": 4, "num_layers": 2, "bidirectional": True}),
    ]
    return [pytest.param(name, options, id=f"{name}-{options}") for name, options in plain + more]


@pytest.mark.parametrize(("name", "options"), cases())
def test_same_seed_same_weights(name: str, options: dict) -> None:
    ours, theirs = both(name, 6, 9, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), key
    torch.manual_seed(4)
    ours.reset_parameters()
    torch.manual_seed(4)
    theirs.reset_parameters()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize(("name", "options"), cases())
def test_weights_load_both_ways(name: str, options: dict) -> None:
    ours, theirs = both(name, 6, 9, **options)
    x = torch.randn(5, 2, 6)
    ours.eval(), theirs.eval()
    for giver, taker in ((ours, theirs), (theirs, ours)):
        giver.reset_parameters()
        assert not torch.allclose(ours(x)[0], theirs(x)[0], atol=1e-3)
        taker.load_state_dict(giver.state_dict(), strict=True)
        torch.testing.assert_close(ours(x)[0], theirs(x)[0], atol=2e-5, rtol=0)


@pytest.mark.parametrize(("name", "options"), cases())
def test_repr_attributes_and_weight_lists(name: str, options: dict) -> None:
    ours, theirs = both(name, 6, 9, **options)
    assert repr(ours) == repr(theirs)
    for attribute in (*theirs.__constants__, "training"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    assert len(ours.all_weights) == len(theirs.all_weights)
    for mine, other in zip(ours.all_weights, theirs.all_weights, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, other, strict=True))
    assert ours.all_weights[0][0] is ours.weight_ih_l0
    assert ours.flatten_parameters() is None


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("RNN", (6, 9, 2, "relu", False, True, 0.5, True)),
        ("GRU", (6, 9, 2, False, True, 0.5, True)),
        ("LSTM", (6, 9, 2, False, True, 0.5, True, 4, "cpu", torch.float64)),
    ],
)
def test_positional_arguments_stand_where_torch_has_them(name: str, args: tuple) -> None:
    ours, theirs = both(name, *args)
    assert repr(ours) == repr(theirs)
    assert ours.weight_hh_l1_reverse.dtype == theirs.weight_hh_l1_reverse.dtype
    assert getattr(ours, "nonlinearity", None) == getattr(theirs, "nonlinearity", None)


@pytest.mark.parametrize("name", LAYERS)
def test_device_and_dtype(name: str) -> None:
    layer = getattr(elman.nn, name)(3, 5, device="meta", dtype=torch.bfloat16)
    assert {(p.device.type, p.dtype) for p in layer.parameters()} == {("meta", torch.bfloat16)}
    moved = getattr(elman.nn, name)(3, 5).double()
    assert moved(torch.randn(2, 1, 3, dtype=torch.float64))[0].dtype == torch.float64


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_without_a_second_layer_warns_as_torch_does(name: str) -> None:
    warnings = []
    for place in (torch.nn, elman.nn):
        with pytest.warns(UserWarning, match="dropout option adds dropout") as caught:
            getattr(place, name)(3, 5, dropout=0.3)
        warnings.append(str(caught[0].message))
        if place is elman.nn:
            assert caught[0].filename == __file__
    assert warnings[0] == warnings[1]


def test_options_of_our_own_show_in_repr() -> None:
    shown = [
        elman.nn.GRU(3, 5, reset_after=False),
        elman.nn.LSTM(3, 5, 2, peepholes=True),
        elman.nn.RNN(3, 5, nonlinearity="gelu"),
        elman.nn.LSTM(3, 5, backend="reference"),
        elman.nn.Recurrent("gru", 3, 5, bidirectional=True),
        elman.nn.GRUCell(3, 5, reset_after=False),
        elman.nn.LSTMCell(3, 5, peepholes=True),
    ]
    assert [repr(layer) for layer in shown] == [
        "GRU(3, 5, reset_after=False)",
        "LSTM(3, 5, num_layers=2, peepholes=True)",
        "RNN(3, 5, nonlinearity=gelu)",
        "LSTM(3, 5, backend=reference)",
        "Recurrent(GRU(reset_after=True, layer_norm=False), 3, 5, bidirectional=True)",
        "GRUCell(3, 5, reset_after=False)",
        "LSTMCell(3, 5, peepholes=True)",
    ]


def test_peephole_parameter() -> None:
    layer = elman.nn.LSTM(3, 5, 2, bidirectional=True, peepholes=True)
    plain = elman.nn.LSTM(3, 5, 2, bidirectional=True)
    own = {name: tuple(p.shape) for name, p in layer.named_parameters() if name not in plain.state_dict()}
    places = ("l0", "l0_reverse", "l1", "l1_reverse")
    assert own == {f"peephole_{place}": (15,) for place in places}
    assert all(0 < p.abs().max() <= 5**-0.5 for p in layer.parameters())


def test_weights_of_a_deepcopy_are_its_own() -> None:
    layer = elman.nn.LSTM(3, 5)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.weight_ih_l0.zero_()
    assert layer.weight_ih_l0.abs().sum() > 0
