"""What torch.nn does not have, against the equations written out: the parameters mean what the docs say."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import elman.nn
from elman.cells import ACTIVATIONS

IN, H, P, B, T = 3, 7, 4, 2, 5
TORCH_ACTIVATIONS = {
    "cos": torch.cos,
    "elu": F.elu,
    "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "hard_sigmoid": F.hardsigmoid,
    "hard_tanh": F.hardtanh,
    "identity": lambda x: x,
    "leaky_relu": F.leaky_relu,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "sin": torch.sin,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "tanh": torch.tanh,
}


def weights(layer: Any) -> dict[str, Tensor]:
    return {name.removesuffix("_l0"): p.detach() for name, p in layer.named_parameters()}


@pytest.mark.parametrize("nonlinearity", ACTIVATIONS)
def test_rnn_with_any_activation(nonlinearity: str, reader: Any, assert_near: Any) -> None:
    layer = elman.nn.RNN(IN, H, nonlinearity=nonlinearity, backend=reader.backend, dtype=reader.dtype)
    w, f = weights(layer), TORCH_ACTIVATIONS[nonlinearity]
    x = 3 * torch.randn(T, B, IN, dtype=reader.dtype)
    h, outputs = torch.zeros(B, H, dtype=reader.dtype), []
    for step in x:
        h = f(step @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"])
        outputs.append(h)
    assert_near(layer(x)[0], torch.stack(outputs), reader.tolerance)


def test_gru_with_the_reset_before_the_product(reader: Any, assert_near: Any) -> None:
    """Cho et al. 2014, equation 8; gates r, z, n; torch's update gate, which keeps z of the old state."""
    layer = elman.nn.GRU(IN, H, reset_after=False, backend=reader.backend, dtype=reader.dtype)
    w = weights(layer)
    x = torch.randn(T, B, IN, dtype=reader.dtype)
    h, outputs = torch.zeros(B, H, dtype=reader.dtype), []
    u, d = w["weight_hh"], w["bias_hh"]
    for step in x:
        xr, xz, xn = (step @ w["weight_ih"].T + w["bias_ih"]).chunk(3, -1)
        r = torch.sigmoid(xr + h @ u[:H].T + d[:H])
        z = torch.sigmoid(xz + h @ u[H : 2 * H].T + d[H : 2 * H])
        n = torch.tanh(xn + (r * h) @ u[2 * H :].T + d[2 * H :])
        h = (1 - z) * n + z * h
        outputs.append(h)
    assert_near(layer(x)[0], torch.stack(outputs), reader.tolerance)


@pytest.mark.parametrize("projected", [False, True])
def test_lstm_with_peepholes(projected: bool, reader: Any, assert_near: Any) -> None:
    """Gers et al. 2002: i and f see the old cell state, o the new one; peepholes in the order i, f, o."""
    options = {"proj_size": P} if projected else {}
    layer = elman.nn.LSTM(IN, H, peepholes=True, backend=reader.backend, dtype=reader.dtype, **options)
    w = weights(layer)
    assert w["peephole"].shape == (3 * H,)
    pi, pf, po = w["peephole"].chunk(3)
    x = torch.randn(T, B, IN, dtype=reader.dtype)
    h, c = torch.zeros(B, P if projected else H, dtype=reader.dtype), torch.zeros(B, H, dtype=reader.dtype)
    outputs = []
    for step in x:
        sums = step @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]
        i, f, g, o = sums.chunk(4, -1)
        i, f = torch.sigmoid(i + pi * c), torch.sigmoid(f + pf * c)
        c = f * c + i * torch.tanh(g)
        h = torch.sigmoid(o + po * c) * torch.tanh(c)
        if projected:
            h = h @ w["weight_hr"].T
        outputs.append(h)
    output, (final_h, final_c) = layer(x)
    assert_near(output, torch.stack(outputs), reader.tolerance)
    assert_near(final_h[0], h, reader.tolerance)
    assert_near(final_c[0], c, reader.tolerance)


def test_a_gradient_penalty_trains_as_on_the_reference(backend: str, assert_near: Any) -> None:
    """Second derivatives through a layer, whichever reader ran forward."""
    layer = elman.nn.LSTM(IN, H, 2, bidirectional=True, peepholes=True, backend=backend)
    oracle = elman.nn.LSTM(
        IN, H, 2, bidirectional=True, peepholes=True, backend="reference", dtype=torch.float64
    )
    oracle.load_state_dict(layer.state_dict())
    data, found = torch.randn(T, B, IN), []
    for model in (layer, oracle):
        x = data.to(model.weight_ih_l0.dtype).requires_grad_()
        output, (h, c) = model(x, lengths=[T, 2])
        (slope,) = torch.autograd.grad(output.square().sum() + h.sum() + c.sum(), x, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), list(model.parameters())))
    for mine, expected in zip(*found, strict=True):
        assert expected.abs().max() > 0
        assert_near(mine, expected.float(), 2e-5)
