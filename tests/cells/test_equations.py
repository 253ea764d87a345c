"""Each cell against its paper's equations, written out here a second time as a plain loop in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, sigmoid, tanh
from torch.nn import functional as F

from elman import cells
from elman.nn import Recurrent
from elman.program import State

IN, H, P, B, T = 3, 6, 4, 2, 5
Weights = dict[str, Tensor]
STEPS: dict[str, tuple[dict[str, Any], Callable[..., Any]]] = {}


def equation(name: str, **options: Any) -> Callable:
    """Note the step of the cell `name` with these options: (w, x, *states) -> the new states."""

    def note(step: Callable) -> Callable:
        STEPS["-".join([name, *(f"{k}={v}" for k, v in options.items())])] = ({"name": name, **options}, step)
        return step

    return note


def lin(w: Weights, name: str, v: Tensor, gate: int | None = None, gates: int = 1) -> Tensor:
    """W v + b by the parameters' names, or one gate of it."""
    y = F.linear(v, w[f"weight_{name}"], w.get(f"bias_{name}"))
    return y if gate is None else y.chunk(gates, -1)[gate]


def norm(w: Weights, name: str, v: Tensor) -> Tensor:
    return F.layer_norm(v, v.shape[-1:], w[f"norm_{name}"], w[f"bias_{name}"], 1e-5)


@equation("rnn", activation="relu", start="identity")
def irnn(w, x, h):
    return torch.relu(lin(w, "ih", x) + lin(w, "hh", h))


@equation("jordan", projection=True, output="sigmoid")
def jordan(w, x, y):
    h = tanh(lin(w, "ih", x) + lin(w, "yh", y))
    return sigmoid(lin(w, "hy", h))


@equation("feedback", projection=True)
def output_feedback(w, x, y, h):
    h = tanh(lin(w, "ih", x) + lin(w, "hh", h))
    return tanh(lin(w, "hy", h) + lin(w, "yy", y)), h


@equation("narx", outputs=2, hidden=3, inputs=1)
def narx(w, x, y1, y2, h1, h2, h3, x1):
    """One product of the taps side by side."""
    taps = torch.cat([y1, y2, h1, h2, h3, x, x1], -1)
    names = ("y1", "y2", "h1", "h2", "h3", "x0", "x1")
    matrix = torch.cat([w[f"weight_{name}"] for name in names], 1)
    h = tanh(taps @ matrix.T + w["bias_x0"])
    y = h @ w["weight_out"].T + w["bias_out"]
    return y, y1, h, h1, h2, x


@equation("gru", reset_after=False)
def gru_of_cho(w, x, h):
    wi, wh = w["weight_ih"].chunk(3), w["weight_hh"].chunk(3)
    bi, bh = w["bias_ih"].chunk(3), w["bias_hh"].chunk(3)
    r = sigmoid(x @ wi[0].T + bi[0] + h @ wh[0].T + bh[0])
    z = sigmoid(x @ wi[1].T + bi[1] + h @ wh[1].T + bh[1])
    n = tanh(x @ wi[2].T + bi[2] + (r * h) @ wh[2].T + bh[2])
    return z * h + (1 - z) * n


@equation("lstm", coupled=True, peepholes=True)
def cifg(w, x, h, c):
    i, g, o = (lin(w, "ih", x) + lin(w, "hh", h)).chunk(3, -1)
    pi, po = w["peephole"].chunk(2)
    i = sigmoid(i + pi * c)
    c = (1 - i) * c + i * tanh(g)
    return sigmoid(o + po * c) * tanh(c), c


@equation("lstm", activation="softsign", gate_activation="hard_sigmoid")
def lstm_of_other_functions(w, x, h, c):
    i, f, g, o = (lin(w, "ih", x) + lin(w, "hh", h)).chunk(4, -1)
    c = F.hardsigmoid(f) * c + F.hardsigmoid(i) * F.softsign(g)
    return F.hardsigmoid(o) * F.softsign(c), c


@equation("lstm", layer_norm=True, peepholes=True, projection=True)
def lstm_with_layer_norm(w, x, h, c):
    """Ba et al. 2016, equations 20 to 22."""
    a = norm(w, "hh", h @ w["weight_hh"].T) + norm(w, "ih", x @ w["weight_ih"].T)
    i, f, g, o = a.chunk(4, -1)
    pi, pf, po = w["peephole"].chunk(3)
    c = sigmoid(f + pf * c) * c + sigmoid(i + pi * c) * tanh(g)
    h = sigmoid(o + po * c) * tanh(norm(w, "c", c))
    return h @ w["weight_hr"].T, c


@equation("gru", layer_norm=True)
def gru_with_layer_norm(w, x, h):
    """Ba et al. 2016, equations 23 to 25; z keeps the old state, as in torch."""
    xs, hs = x @ w["weight_ih"].T, h @ w["weight_hh"].T
    r, z = sigmoid(norm(w, "ih_rz", xs[:, : 2 * H]) + norm(w, "hh_rz", hs[:, : 2 * H])).chunk(2, -1)
    n = tanh(norm(w, "ih_n", xs[:, 2 * H :]) + r * norm(w, "hh_n", hs[:, 2 * H :]))
    return z * h + (1 - z) * n


@equation("gru", layer_norm=True, reset_after=False)
def gru_of_cho_with_layer_norm(w, x, h):
    xs, u = x @ w["weight_ih"].T, w["weight_hh"]
    hs = norm(w, "hh_rz", h @ u[: 2 * H].T)
    r, z = sigmoid(norm(w, "ih_rz", xs[:, : 2 * H]) + hs).chunk(2, -1)
    n = tanh(norm(w, "ih_n", xs[:, 2 * H :]) + norm(w, "hh_n", (r * h) @ u[2 * H :].T))
    return z * h + (1 - z) * n


@equation("mgu")
def mgu(w, x, h):
    """Zhou et al. 2016, equations 6 to 8, [h, x] side by side."""
    (wf, wn), (uf, un) = w["weight_ih"].chunk(2), w["weight_hh"].chunk(2)
    bf, bn = (w["bias_ih"] + w["bias_hh"]).chunk(2)
    f = sigmoid(torch.cat([h, x], 1) @ torch.cat([uf, wf], 1).T + bf)
    n = tanh(torch.cat([f * h, x], 1) @ torch.cat([un, wn], 1).T + bn)
    return (1 - f) * h + f * n


@equation("ligru", layer_norm=False)
def ligru(w, x, h):
    z = sigmoid(lin(w, "ih", x, 0, 2) + lin(w, "hh", h, 0, 2))
    n = torch.relu(lin(w, "ih", x, 1, 2) + lin(w, "hh", h, 1, 2))
    return z * h + (1 - z) * n


@equation("ligru")
def ligru_normalised(w, x, h):
    """The input's part alone is normalised."""
    xz, xn = norm(w, "ih", x @ w["weight_ih"].T).chunk(2, -1)
    uz, un = w["weight_hh"].chunk(2)
    z = sigmoid(xz + h @ uz.T)
    return z * h + (1 - z) * torch.relu(xn + h @ un.T)


@equation("indrnn")
def indrnn(w, x, h):
    return torch.relu(lin(w, "ih", x) + w["recurrent"] * h)


@equation("sru", highway_bias=-1.0)
def sru(w, x, h, c):
    """Lei et al. 2018, equations 1 to 4, with W_skip x in the place of x, and α = √(1 + 2 e^b)."""
    vf, vr = w["v"].chunk(2)
    f = sigmoid(lin(w, "gates", x, 0, 2) + vf * c)
    r = sigmoid(lin(w, "gates", x, 1, 2) + vr * c)
    c = f * c + (1 - f) * (x @ w["weight_ih"].T)
    alpha = (1 + 2 * torch.tensor(-1.0, dtype=x.dtype).exp()).sqrt()
    return r * c + (1 - r) * (x @ w["weight_skip"].T) * alpha, c


@equation("qrnn", window=3)
def qrnn(w, x, h, c, x1, x2):
    """A convolution over the newest three inputs, then fo-pooling."""
    kernel = torch.stack([w[f"weight_x{age}"] for age in (2, 1, 0)], -1)  # (3H, I, 3), the newest last
    window = torch.stack([x2, x1, x], -1)
    z, f, o = F.conv1d(window, kernel, w["bias_x0"]).squeeze(-1).chunk(3, -1)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * tanh(z)
    return sigmoid(o) * c, c, x, x1


@equation("mingru")
def mingru(w, x, h):
    z = sigmoid(lin(w, "ih", x, 0, 2))
    return (1 - z) * h + z * lin(w, "ih", x, 1, 2)


@equation("minlstm")
def minlstm(w, x, h):
    f, i = sigmoid(lin(w, "ih", x, 0, 3)), sigmoid(lin(w, "ih", x, 1, 3))
    f, i = f / (f + i), i / (f + i)
    return f * h + i * lin(w, "ih", x, 2, 3)


@equation("lru")
def lru(w, x, y, re, im):
    """Orvieto et al. 2023, in complex numbers."""
    nu, theta, gamma = w["ring"].chunk(3)
    decay = torch.exp(torch.complex(-nu.exp(), theta.exp()))
    inward = torch.complex(*w["weight_in"].chunk(2))
    outward = torch.complex(w["weight_re"], w["weight_im"])
    s = decay * torch.complex(re, im) + gamma.exp() * (x.to(inward.dtype) @ inward.T)
    return (s @ outward.T).real + x @ w["weight_skip"].T, s.real, s.imag


@equation("rglru")
def rglru(w, x, h):
    """De et al. 2024, equations 1 to 4, with a_t as the power of σ(Λ) that it is."""
    r, i, u = sigmoid(lin(w, "ih", x, 0, 3)), sigmoid(lin(w, "ih", x, 1, 3)), lin(w, "ih", x, 2, 3)
    a = sigmoid(w["decay"]) ** (8 * r)
    return a * h + (1 - a**2).sqrt() * (i * u)


def slstm(w, x, h, c, n, m, forget):
    """Beck et al. 2024, equations 8 to 14: without the stabiliser, which changes no output."""
    c, n = c * m.exp(), n * m.exp()
    heads = [part @ block.T for part, block in zip(h.chunk(2, -1), diagonal(w["weight_hh"]), strict=True)]
    recurrent = torch.cat([torch.cat([y.chunk(4, -1)[g] for y in heads], -1) for g in range(4)], -1)
    i, f, z, o = (lin(w, "ih", x) + recurrent).chunk(4, -1)
    c = forget(f) * c + i.exp() * tanh(z)
    n = forget(f) * n + i.exp()
    return sigmoid(o) * c / n, c, n


def diagonal(weight: Tensor) -> list[Tensor]:
    """The two blocks, each (4 H / 2, H / 2), of gates' rows that are parted by heads within each gate."""
    gates = weight.view(4, 2, H // 2, H // 2)
    return [gates[:, head].reshape(-1, H // 2) for head in (0, 1)]


@pytest.mark.parametrize("case", STEPS)
def test_a_cell_follows_its_paper(case: str) -> None:
    options, step = STEPS[case]
    cell = cells.create(**options)
    layer, w, states, x = started(cell)
    output, finals = layer(x, [s.unsqueeze(0) for s in states] if len(states) > 1 else states[0].unsqueeze(0))
    outputs = []
    for moment in x:
        new = step(w, moment, *states)
        states = new if isinstance(new, tuple) else (new,)
        outputs.append(states[0])
    torch.testing.assert_close(output, torch.stack(outputs))
    for final, expected in zip(finals if isinstance(finals, tuple) else (finals,), states, strict=True):
        torch.testing.assert_close(final[0], expected)


@pytest.mark.parametrize("forget", ["sigmoid", "exponential"])
def test_slstm_follows_its_paper(forget: str) -> None:
    """Its states are the paper's, divided by e^m."""
    layer, w, states, x = started(cells.create("slstm", heads=2, forget=forget))
    h, c, n, m = states
    n = n.abs() + 1
    output, finals = layer(x, tuple(s.unsqueeze(0) for s in (h, c, n, m)))
    outputs = []
    zeros = torch.zeros_like(m)
    for moment in x:
        h, c, n = slstm(w, moment, h, c, n, m, torch.exp if forget == "exponential" else sigmoid)
        m = zeros
        outputs.append(h)
    torch.testing.assert_close(output, torch.stack(outputs))
    final_h, final_c, final_n, final_m = (final[0] for final in finals)
    torch.testing.assert_close(final_h, h)
    torch.testing.assert_close(final_c * final_m.exp(), c)
    torch.testing.assert_close(final_n * final_m.exp(), n)


def test_slstm_stays_in_range_from_zeros_at_extreme_gates() -> None:
    """e^90 is past float32, and the first input gate of e^-200 is 0 in it: the stabiliser holds both."""
    layer = Recurrent("slstm", IN, H)
    with torch.no_grad():
        for bias in (90.0, -200.0):
            layer.bias_ih_l0[:H] = bias
            output, _ = layer(torch.randn(T, B, IN))
            assert output.isfinite().all()
            assert output.abs().max() > 1e-3


def started(cell: cells.Cell) -> tuple[Recurrent, Weights, tuple[Tensor, ...], Tensor]:
    """A layer in float64 with every parameter random, its weights, random states and an input."""
    sizes = {"I": IN, "H": H, "P": P}
    projected = any(state.width == "P" for state in cell.states)
    layer = Recurrent(cell, IN, H, proj_size=P * projected, backend="reference", dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    w = {name.removesuffix("_l0"): p.detach() for name, p in layer.named_parameters()}
    states = tuple(torch.randn(B, sizes[s.width], dtype=torch.float64) for s in cell.states)
    return layer, w, states, torch.randn(T, B, IN, dtype=torch.float64)


def test_every_registered_cell_is_here() -> None:
    """The plain rnn, gru and lstm are held against torch.nn, in tests/nn."""
    written = {options["name"] for options, _ in STEPS.values()} | {"slstm"}
    assert written == set(cells.names())


def test_states_of_narx_are_its_taps() -> None:
    cell = cells.create("narx", outputs=0, hidden=0, inputs=2)
    assert cell.states == (State("y"), State("x1", "I"), State("x2", "I"))
    assert cells.create("narx", outputs=3, hidden=1, inputs=0).states == (
        State("y"),
        State("y2"),
        State("y3"),
        State("h1"),
    )
