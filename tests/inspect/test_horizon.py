"""What a recurrence remembers: measured and by its spectrum, in closed form and for every cell."""

from __future__ import annotations

import math

import pytest
import torch

from elman.cells import names
from elman.errors import ArgumentError
from elman.inspect.influence import influence
from elman.inspect.jacobian import OneStep
from elman.inspect.spectrum import implied_horizon, spectrum
from elman.nn import LSTM, RNN, Recurrent
from elman.nn.recording import Walk, recorded


def walk_of(
    layer: Recurrent, steps: int = 60, lengths: list[int] | None = None, most: int | None = None
) -> Walk:
    x = torch.rand(steps, 8 if lengths is None else len(lengths), layer.input_size)
    with recorded(layer, most) as walks:
        layer(x, lengths=lengths)
    return walks[0]


def diagonal(*factors: float) -> RNN:
    """Rectified units that stay above zero, each multiplied by its own factor at every step."""
    layer = RNN(len(factors), len(factors), nonlinearity="relu")
    layer.weight_hh_l0.data.copy_(torch.diag(torch.tensor(factors)))
    layer.weight_ih_l0.data.copy_(torch.eye(len(factors)))
    for bias in (layer.bias_ih_l0, layer.bias_hh_l0):
        bias.data.fill_(0.1)
    return layer


def test_a_recurrence_known_in_closed_form() -> None:
    walk = walk_of(diagonal(0.9, 0.5, 0.5, 0.5))
    found = spectrum(walk)
    assert found.exponents == pytest.approx([math.log(0.9), *[math.log(0.5)] * 3], abs=1e-6)
    assert found.singular == pytest.approx([0.9, 0.5, 0.5, 0.5], abs=1e-6)
    exact = next(n for n in range(100) if (0.9 ** (2 * n) + 3 * 0.5 ** (2 * n)) / 4 < 0.01**2)
    assert found.horizon == exact
    measured = influence(walk, probes=64)
    assert measured.horizon == pytest.approx(exact, abs=3)
    assert not measured.whole
    for lag in (1, 5, 20):
        norm = math.sqrt((0.9 ** (2 * lag) + 3 * 0.5 ** (2 * lag)) / 4)
        assert measured.profile.median[lag] == pytest.approx(norm, rel=0.15)


def test_a_recurrence_that_never_forgets() -> None:
    walk = walk_of(diagonal(1.0, 1.0))
    assert spectrum(walk).horizon is None
    assert influence(walk).whole
    assert influence(walk).horizon == 60


def test_the_influence_on_a_step_in_the_midst() -> None:
    walk = walk_of(diagonal(0.5, 0.5), lengths=[60, 20])
    found = influence(walk, step=30, probes=32)
    assert found.profile.median[3] == pytest.approx(0.125, rel=0.3)
    assert found.profile.count == [2] * 20 + [1] * 11  # the second has ended by then
    with pytest.raises(ArgumentError, match="step: expected a step from 0 to 59, got 60"):
        influence(walk, step=60)


def test_the_jacobian_is_that_of_autograd() -> None:
    layer = LSTM(3, 4, dtype=torch.float64, peepholes=True)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    with recorded(layer) as walks:
        layer(x)
    one = OneStep(walks[0], 2)
    every = torch.eye(8, dtype=torch.float64).expand(2, 8, 8)
    jacobian = one.products(3, every)
    h, c = (state.detach() for state in walks[0].states[2])
    for row in range(2):

        def step(state: torch.Tensor, row: int = row) -> torch.Tensor:
            before = (state[:4].reshape(1, 1, 4), state[4:].reshape(1, 1, 4))
            _, after = layer(x[3:4, row : row + 1], before)
            return torch.cat([part.flatten() for part in after])

        expected = torch.autograd.functional.jacobian(step, torch.cat([h[row], c[row]]))
        torch.testing.assert_close(jacobian[row], expected)


@pytest.mark.parametrize("cell", names())
def test_both_horizons_agree_for_every_cell(cell: str) -> None:
    torch.set_num_threads(1)
    walk = walk_of(Recurrent(cell, 3, 32), 120, lengths=[120, 90, 120, 60])
    measured, implied = influence(walk, probes=8), spectrum(walk, samples=2)
    if measured.whole:
        assert implied.horizon is None or implied.horizon > 60
    else:
        assert implied.horizon is not None
        assert 0.5 <= implied.horizon / measured.horizon <= 2


def test_a_walk_from_the_end() -> None:
    with recorded(layer := Recurrent("gru", 2, 5, bidirectional=True)) as walks:
        layer(torch.rand(40, 3, 2), lengths=[40, 12, 25])
    forward, backward = (spectrum(walk) for walk in walks)
    assert forward.steps == backward.steps == 40 - 8 + 12 - 2 + 25 - 5
    assert 0.5 <= forward.exponents[0] / backward.exponents[0] <= 2


def test_a_spectrum_needs_every_step() -> None:
    with pytest.raises(ArgumentError, match=r"walk: expected states at every step, got 5 of 60\. Record it"):
        spectrum(walk_of(Recurrent("gru", 2, 3), most=5))


def test_sequences_without_steps() -> None:
    walk = walk_of(Recurrent("gru", 2, 3), 1, lengths=[0, 0])
    found = spectrum(walk)
    assert (found.exponents, found.singular, found.horizon, found.steps) == ([], [], 0, 0)
    assert influence(walk).horizon == 0


def test_the_horizon_of_exponents() -> None:
    assert implied_horizon([math.log(0.5)] * 4, 4, 0.01) == 7
    assert implied_horizon([0.0], 1, 0.01) is None
    assert implied_horizon([0.1, -5.0], 2, 0.01) is None
    assert implied_horizon([], 4, 0.01) == 0
