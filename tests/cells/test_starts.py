"""How the parameters of a new layer start."""

from __future__ import annotations

import math

import pytest
import torch

from elman import cells
from elman.cells import Cell, State, tanh
from elman.errors import CellError
from elman.nn import Recurrent
from elman.program import Normal, Range

IN, H = 50, 400


def new(name: str, **options: object) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(cells.create(name, **options), IN, H)


def test_irnn_starts_as_the_identity() -> None:
    layer = new("rnn", activation="relu", start="identity")
    assert torch.equal(layer.weight_hh_l0, torch.eye(H))
    assert not layer.bias_ih_l0.any()
    assert not layer.bias_hh_l0.any()
    h = torch.rand(1, 3, H)
    output, _ = layer(torch.zeros(20, 3, IN), h)
    torch.testing.assert_close(output[-1], h[0])  # what it holds, it holds


def test_orthogonal_starts() -> None:
    weight = new("rnn", start="orthogonal").weight_hh_l0
    torch.testing.assert_close(weight @ weight.T, torch.eye(H), atol=1e-4, rtol=0)
    for gate in new("ligru").weight_hh_l0.chunk(2):
        torch.testing.assert_close(gate @ gate.T, torch.eye(H), atol=1e-4, rtol=0)


def test_indrnn_starts_within_its_bounds() -> None:
    recurrent = new("indrnn", low=0.5, high=0.9).recurrent_l0
    assert 0.5 <= recurrent.min() < 0.52
    assert 0.88 < recurrent.max() < 0.9


def test_lru_starts_on_its_ring() -> None:
    """Lemma 3.2: uniform on the ring's area, so |λ|² is uniform; γ makes states as large as inputs."""
    layer = new("lru", low=0.6, high=0.9, phase=1.0)
    nu, theta, gamma = layer.ring_l0.detach().exp().chunk(3)
    size = torch.exp(-nu)
    assert 0.6 <= size.min() < 0.61
    assert 0.89 < size.max() <= 0.9
    assert size.square().mean().item() == pytest.approx((0.6**2 + 0.9**2) / 2, abs=0.02)
    assert 0 < theta.min() < 0.02
    assert 0.98 < theta.max() <= 1.0
    torch.testing.assert_close(gamma, (1 - size**2).sqrt())
    _, (_, re, im) = layer(torch.randn(200, 64, IN))
    assert (re**2 + im**2).mean().item() == pytest.approx(1.0, abs=0.05)


def test_rglru_starts_with_slow_decays() -> None:
    """a^c, the decay where the gate r is open, is uniform in 0.9 … 0.999."""
    decay = torch.sigmoid(new("rglru").decay_l0.detach()) ** 8
    assert 0.9 <= decay.min() < 0.905
    assert 0.994 < decay.max() <= 0.999


def test_sru_keeps_variances_at_the_start() -> None:
    """With b = 0 the highway's α is √3, and outputs are as large as inputs of variance 1."""
    layer = new("sru")
    assert (layer(torch.randn(100, 64, IN))[0].var() / (2 * IN / (IN + H))).item() == pytest.approx(
        1, abs=0.2
    )


def test_forget_biases() -> None:
    assert (new("lstm", forget_bias=1.0).bias_ih_l0[H : 2 * H] == 1).all()
    assert (new("lstm", forget_bias=1.0, coupled=True).bias_ih_l0[:H] == -1).all()
    shifts = new("lstm", forget_bias=1.0, layer_norm=True).bias_ih_l0
    assert torch.equal(shifts, torch.cat([torch.zeros(H), torch.ones(H), torch.zeros(2 * H)]))
    assert (new("slstm", forget_bias=3.0).bias_ih_l0[H : 2 * H] == 3).all()


def test_the_same_seed_gives_the_same_start() -> None:
    assert torch.equal(new("lru").ring_l0, new("lru").ring_l0)


def test_a_start_of_ones_own() -> None:
    class Mine(Cell):
        states = (State("h"),)

        def step(self, x, h):
            a, b = self.vector("pair", gates=2, init=lambda random: (random(), 3.0))
            return tanh(self.project(x, "ih", init=Normal(2.0)) + a * h + b)

    layer = Recurrent(Mine(), IN, H)
    a, b = layer.pair_l0.detach().chunk(2)
    assert len(set(a.tolist())) == H
    assert (b == 3).all()
    assert layer.weight_ih_l0.std().item() == pytest.approx(2 / math.sqrt(IN), rel=0.05)


@pytest.mark.parametrize(("place", "init"), [("matrix", Range(0.0, 1.0)), ("vector", Normal())])
def test_a_start_in_the_wrong_place(place: str, init: object) -> None:
    class Mine(Cell):
        states = (State("h"),)

        def step(self, x, h):
            if place == "vector":
                return self.project(x, "ih") + self.vector("v", init=init) * h  # type: ignore[arg-type]
            return self.project(x, "ih", init=init) + h  # type: ignore[arg-type]

    with pytest.raises(CellError, match=rf"init: .* does not fit a {place}"):
        Mine().program()
