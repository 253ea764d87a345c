"""A layer is an ordinary module: copies, pickles, parametrizations, autocast, and any cell in `Recurrent`."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import register_parametrization

import elman.nn
from elman import cells
from elman.cells import Cell, State, exp, sigmoid, tanh

IN, H = 3, 7


class Leaky(Cell):
    """Two states, a decay for each feature, and an initialisation of every kind."""

    states = (State("h"), State("m"))

    def step(self, x: Any, h: Any, m: Any) -> tuple[Any, Any]:
        gate, new = self.project(x, "in", gates=2, init="glorot", bias_init=(1.5, None))
        decay = exp(-sigmoid(self.vector("decay", init="ones")))
        m = decay * m + new + self.project(h, "orth", bias=False, init="orthogonal")
        back, more = self.project(h, "eye", gates=2, init="identity", bias_init="zeros")
        return sigmoid(gate + more) * tanh(m + back), m


def layers(backend: str) -> list[elman.nn.Recurrent]:
    return [
        elman.nn.RNN(IN, H, nonlinearity="softsign", backend=backend),
        elman.nn.GRU(IN, H, 2, backend=backend),
        elman.nn.LSTM(IN, H, bidirectional=True, proj_size=2, peepholes=True, backend=backend),
        elman.nn.Recurrent(Leaky(), IN, H, bias=False, backend=backend),
    ]


def through_pickle(layer: Any) -> Any:
    return pickle.loads(pickle.dumps(layer))


def through_save(layer: Any) -> Any:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("way", [copy.deepcopy, copy.copy, through_pickle, through_save])
def test_copies_give_the_same_numbers(way: Any, backend: str) -> None:
    for layer in layers(backend):
        x = torch.randn(4, 2, IN)
        expected = layer(x)
        other = way(layer)
        assert repr(other) == repr(layer)
        torch.testing.assert_close(other(x), expected, atol=0, rtol=0)
        other(x)[0].sum().backward()
        assert all(p.grad is not None for p in other.parameters())


def test_weight_norm_is_in_force(backend: str) -> None:
    for layer, name in zip(
        layers(backend), ("weight_hh_l0", "weight_hh_l1", "weight_hr_l0", "weight_orth_l0"), strict=True
    ):
        x = torch.randn(4, 2, IN)
        before = layer(x)[0]
        weight_norm(layer, name)
        torch.testing.assert_close(layer(x)[0], before, atol=1e-6, rtol=0)
        gain = layer.parametrizations[name].original0
        with torch.no_grad():
            gain.mul_(3.0)
        assert not torch.allclose(layer(x)[0], before, atol=1e-3)
        layer(x)[0].sum().backward()
        assert gain.grad.abs().max() > 0
        old = getattr(layer, name).detach().clone()
        layer.reset_parameters()
        assert not torch.allclose(getattr(layer, name), old)
        assert getattr(layer, name).abs().max() <= 1.0
        torch.testing.assert_close(copy.deepcopy(layer)(x), layer(x), atol=0, rtol=0)


class Thirds(torch.nn.Module):
    """A parametrization of anything."""

    def forward(self, third: Tensor) -> Tensor:
        return 3 * third

    def right_inverse(self, whole: Tensor) -> Tensor:
        return whole / 3


def parametrize_thirds(module: Any, name: str) -> None:
    register_parametrization(module, name, Thirds())


@pytest.mark.parametrize("parametrize", [weight_norm, parametrize_thirds])
def test_any_weight_may_be_parametrized(parametrize: Any, backend: str) -> None:
    x = torch.randn(4, 2, IN)
    h, c = torch.randn(2, 2, H)
    modules: list[tuple[Any, tuple]] = [(layer, (x,)) for layer in layers(backend)]
    modules += [
        (elman.nn.GRUCell(IN, H), (x[0], h)),
        (elman.nn.LSTMCell(IN, H, peepholes=True), (x[0], (h, c))),
    ]
    for module, given in modules:
        for name in [name for name, _ in module.named_parameters()]:
            layer, other = copy.deepcopy(module), copy.deepcopy(module)
            parametrize(layer, name)
            parametrize(other, name)
            torch.testing.assert_close(first(layer(*given)), first(module(*given)), atol=1e-6, rtol=0)
            original = next(layer.parametrizations[name].parameters())
            with torch.no_grad():
                original.mul_(1.5)
            output = first(layer(*given))
            assert (output - first(module(*given))).abs().max() > 1e-5, name
            output.square().sum().backward()
            assert original.grad.abs().max() > 0, name
            other.load_state_dict(layer.state_dict())
            for copied in (other, copy.deepcopy(layer)):
                torch.testing.assert_close(first(copied(*given)), output, atol=0, rtol=0)


def first(results: Any) -> Tensor:
    """The output of a layer, or the first state of a cell."""
    return results[0] if isinstance(results, tuple) else results


def test_functional_call_uses_the_given_weights(backend: str) -> None:
    for layer in layers(backend):
        x = torch.randn(4, 2, IN)
        doubled = {name: 2 * p for name, p in layer.named_parameters()}
        expected = functional_call(layer, doubled, (x,))[0]
        assert not torch.allclose(expected, layer(x)[0], atol=1e-3)
        layer.load_state_dict(doubled)
        torch.testing.assert_close(layer(x)[0], expected, atol=0, rtol=0)


def test_frozen_weights_get_no_gradient(backend: str) -> None:
    layer = elman.nn.LSTM(IN, H, 2, backend=backend)
    layer.weight_hh_l0.requires_grad_(False)
    layer(torch.randn(4, 2, IN))[0].sum().backward()
    assert {name for name, p in layer.named_parameters() if p.grad is None} == {"weight_hh_l0"}


def test_no_grad_keeps_no_graph(backend: str) -> None:
    layer = elman.nn.GRU(IN, H, backend=backend)
    x = torch.randn(4, 2, IN)
    with torch.no_grad():
        output, state = layer(x)
    assert not output.requires_grad
    assert not state.requires_grad
    torch.testing.assert_close(output, layer(x)[0].detach(), atol=1e-6, rtol=0)


def test_input_may_be_any_view(backend: str) -> None:
    layer = elman.nn.GRU(IN, H, backend=backend)
    base = torch.randn(2 * IN, 5, 8)
    x = base[::2].permute(2, 1, 0)[::2].requires_grad_()
    state = torch.randn(H, 5, 1).permute(2, 1, 0)
    torch.testing.assert_close(layer(x, state), layer(x.contiguous(), state.contiguous()), atol=1e-6, rtol=0)
    expanded = torch.randn(1, 1, IN).expand(4, 5, IN)
    torch.testing.assert_close(layer(expanded), layer(expanded.contiguous()), atol=1e-6, rtol=0)


def test_autocast_in_another_type_leaves_the_dtype_of_the_weights(backend: str) -> None:
    layer = elman.nn.LSTM(IN, H, backend=backend)
    x = torch.randn(4, 2, IN)
    with torch.autocast("cpu", torch.float16):
        output, _ = layer(x.half())
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, layer(x.half().float())[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("cell", "options", "layer"),
    [
        ("rnn", {}, elman.nn.RNN),
        (cells.RNN("relu"), {}, lambda *a, **o: elman.nn.RNN(*a, nonlinearity="relu", **o)),
        ("gru", {"num_layers": 2, "bidirectional": True}, elman.nn.GRU),
        ("lstm", {"batch_first": True, "bias": False}, elman.nn.LSTM),
        ("lstm", {"proj_size": 2, "num_layers": 2}, elman.nn.LSTM),
        (cells.LSTM(projection=True), {"proj_size": 2}, elman.nn.LSTM),
    ],
)
def test_recurrent_is_what_the_layers_are(cell: Any, options: dict, layer: Any, backend: str) -> None:
    torch.manual_seed(8)
    general = elman.nn.Recurrent(cell, IN, H, backend=backend, **options)
    torch.manual_seed(8)
    special = layer(IN, H, backend=backend, **options)
    x = torch.randn(4, 4, IN)
    torch.testing.assert_close(general(x), special(x), atol=0, rtol=0)
    assert list(general.state_dict()) == list(special.state_dict())


def test_a_cell_of_ones_own(backend: str) -> None:
    layer = elman.nn.Recurrent(Leaky(), IN, H, 2, bidirectional=True, backend=backend)
    x = torch.randn(5, 3, IN)
    h, m = torch.zeros(2, 3, H)
    w = {name: p.detach() for name, p in layer.named_parameters()}
    outputs = []
    for t in range(5):
        gate, new = (x[t] @ w["weight_in_l0"].T + w["bias_in_l0"]).chunk(2, -1)
        m = torch.exp(-torch.sigmoid(w["decay_l0"])) * m + new + h @ w["weight_orth_l0"].T
        back, more = (h @ w["weight_eye_l0"].T + w["bias_eye_l0"]).chunk(2, -1)
        h = torch.sigmoid(gate + more) * torch.tanh(m + back)
        outputs.append(h)
    output, (final_h, final_m) = layer(x)
    assert output.shape == (5, 3, 2 * H)
    torch.testing.assert_close(final_h[0], h, atol=2e-6, rtol=0)
    torch.testing.assert_close(final_m[0], m, atol=2e-6, rtol=0)
    single = elman.nn.Recurrent(Leaky(), IN, H, backend=backend)
    single.load_state_dict({k: w[k] for k in single.state_dict()})
    torch.testing.assert_close(single(x)[0], torch.stack(outputs), atol=2e-6, rtol=0)


def test_initialisations_that_a_cell_declares() -> None:
    layer = elman.nn.Recurrent(Leaky(), 20, 30)
    eye = torch.eye(30)
    orthogonal = layer.weight_orth_l0
    torch.testing.assert_close(orthogonal @ orthogonal.T, eye, atol=1e-5, rtol=0)
    assert not torch.allclose(orthogonal, eye)
    assert all(torch.equal(block, eye) for block in layer.weight_eye_l0.chunk(2))
    assert torch.equal(layer.decay_l0, torch.ones(30))
    assert not layer.bias_eye_l0.any()
    forget, other = layer.bias_in_l0.chunk(2)
    assert torch.equal(forget, torch.full((30,), 1.5))
    assert 0 < other.abs().max() <= 30**-0.5
    glorot = (6 / 50) ** 0.5
    assert 0.9 * glorot < layer.weight_in_l0.abs().max() <= glorot


def test_forget_bias_of_an_lstm() -> None:
    layer = elman.nn.Recurrent(cells.LSTM(forget_bias=1.0), IN, H, 2)
    for bias in (layer.bias_ih_l0, layer.bias_ih_l1):
        i, f, g, o = bias.chunk(4)
        assert torch.equal(f, torch.ones(H))
        assert all(0 < gate.abs().max() <= H**-0.5 for gate in (i, g, o))


class Heads(Cell):
    def step(self, x: Any, h: Any) -> Any:
        new, gate = self.project(h, "hh", gates=2, heads=3, init="orthogonal")
        return tanh(self.project(x, "x", heads=3) + new * sigmoid(gate))


def test_block_diagonal_weights_start_head_by_head() -> None:
    layer = elman.nn.Recurrent(Heads(), 9, 30)
    assert layer.weight_hh_l0.shape == (60, 10)
    for block in layer.weight_hh_l0.chunk(6):
        torch.testing.assert_close(block @ block.T, torch.eye(10), atol=1e-5, rtol=0)
    assert 0.9 * 10**-0.5 < layer.weight_x_l0.abs().max() <= 10**-0.5
    with pytest.raises(elman.errors.ArgumentError, match="input_size: expected a multiple of the 3 heads"):
        elman.nn.Recurrent(Heads(), 10, 30)


def test_a_vector_cannot_start_orthogonal() -> None:
    class Wrong(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.project(x, "x")) * self.vector("scale", init="orthogonal")

    with pytest.raises(elman.errors.ArgumentError) as caught:
        elman.nn.Recurrent(Wrong(), IN, H)
    assert str(caught.value) == (
        "init of 'scale': expected 'uniform', 'zeros', 'ones' or numbers for a parameter that is a vector, "
        "got 'orthogonal'. Change it where the cell declares the parameter."
    )
