"""Gates, units and places, against a loop over time written by hand."""

from __future__ import annotations

import pytest
import torch

from elman.cells import names
from elman.errors import ArgumentError
from elman.inspect.gates import effective_rank, units_of
from elman.inspect.inside import Inside, look_inside
from elman.inspect.places import most_active, nearest
from elman.nn import RNN, Recurrent
from elman.nn.recording import Walk, recorded

LENGTHS = [9, 4, 0, 7]


def walk_of(layer: Recurrent, direction: int = 0) -> Walk:
    with recorded(layer) as walks:
        layer(torch.randn(9, 4, layer.input_size), lengths=LENGTHS)
    return walks[direction]


def test_gates_are_those_of_a_loop_by_hand() -> None:
    layer = Recurrent("gru", 3, 5)
    walk = walk_of(layer)
    inside = look_inside(walk)
    assert list(inside.gates) == ["r", "z"]
    assert list(zip(inside.step.tolist(), inside.sequence.tolist(), strict=True)) == [
        (t, b) for t in range(9) for b in range(4) if t < LENGTHS[b]
    ]
    weight, bias = layer.weight_ih_l0, layer.bias_ih_l0
    for row in (0, 5, 12, 19):
        t, b = int(inside.step[row]), int(inside.sequence[row])
        before = walk.states[t - 1][0][b] if t else torch.zeros(5)
        inward = weight @ walk.x[t, b] + bias
        hidden = layer.weight_hh_l0 @ before + layer.bias_hh_l0
        r, z = torch.sigmoid(inward + hidden)[:10].chunk(2)
        torch.testing.assert_close(inside.gates["r"][row], r.detach())
        torch.testing.assert_close(inside.gates["z"][row], z.detach())


@pytest.mark.parametrize("cell", names())
@pytest.mark.parametrize("direction", [0, 1])
def test_the_step_gives_the_states_that_were_walked(cell: str, direction: int) -> None:
    walk = walk_of(Recurrent(cell, 3, 8, bidirectional=True), direction)
    inside = look_inside(walk)
    assert all(value.isfinite().all() for value in inside.states.values())
    for row in range(len(inside.step)):
        place = walk.steps.index(int(inside.step[row]))
        for state, value in zip(walk.states[place], inside.states.values(), strict=True):
            torch.testing.assert_close(value[row], state[inside.sequence[row]].detach())
    found = units_of(walk, inside)
    assert found.steps == sum(LENGTHS)
    assert [state.name for state in found.states] == [state.name for state in walk.program.states]
    assert bool(found.note) == (not found.gates)


def test_what_is_shut_dead_and_saturated() -> None:
    lstm = Recurrent("lstm", 3, 4)
    lstm.bias_ih_l0.data[:2] = -50.0  # the input gates of two of four units
    lstm.bias_ih_l0.data[4:7] = 50.0  # the forget gates of three
    gates = {gate.name: gate for gate in units_of(walk_of(lstm)).gates}
    assert gates["i"].shut == 0.5
    assert gates["i"].near_zero >= 0.5
    assert gates["f"].open == 0.75
    assert gates["f"].shut == 0.0
    relu = RNN(3, 4, nonlinearity="relu")
    relu.bias_ih_l0.data.copy_(torch.tensor([-50.0, 50.0, 0.5, 0.5]))
    relu.weight_hh_l0.data.zero_()
    found = units_of(walk_of(relu))
    assert found.dead == {"h": 0.25}
    assert found.states[0].still == 1
    assert found.note == "the cell RNN has no gates"
    tanh = RNN(3, 4)
    tanh.bias_ih_l0.data.copy_(torch.tensor([-50.0, 50.0, 50.0, 0.0]))
    assert units_of(walk_of(tanh)).saturated == {"h": 0.75}


def test_the_rank_of_states() -> None:
    assert effective_rank(torch.randn(4000, 6)) == pytest.approx(6, abs=0.05)
    assert effective_rank(torch.randn(4000, 1) * torch.randn(6)) == pytest.approx(1, abs=1e-3)
    assert effective_rank(torch.ones(10, 6)) == 0.0


def states(values: list[list[float]]) -> Inside:
    """One unit over three sequences of three steps."""
    sequence, step = torch.arange(3).repeat_interleave(3), torch.arange(3).repeat(3)
    return Inside({"h": torch.tensor(values)}, {}, {}, {}, sequence, step)


def here(sequence: int, step: int) -> tuple[list[str], str, list[str]]:
    return [], f"{sequence}.{step}", []


def test_places_where_a_unit_is_most_active() -> None:
    inside = states(
        [[0.1, 0], [0.9, 0], [0.8, 0], [0.2, 0], [0.3, 0], [0.0, 0], [0.1, 0], [0.7, 0], [0, 0.1]]
    )
    [unit] = most_active(inside, here, units=1, places=2)
    assert unit.unit == 0
    assert [(place.here, round(place.value, 2)) for place in unit.places] == [("0.1", 0.9), ("2.1", 0.7)]


def test_the_nearest_states() -> None:
    inside = states([[0.0], [0.5], [0.1], [9.0], [0.4], [0.0], [2.0], [0.0], [3.0]])
    near = nearest(inside, here, 0, 1)
    found = near.others
    assert near.place.here == "0.1"
    assert [place.here for place in found] == ["1.1", "2.1"]
    assert [place.value for place in found] == pytest.approx([0.1, 0.5])
    with pytest.raises(ArgumentError, match=r"place: expected a step from 0 to 2, got \(0, 3\)"):
        nearest(inside, here, 0, 3)
    with pytest.raises(ArgumentError, match=r"place: expected a sequence of the batch, got \(7, 0\)"):
        nearest(inside, here, 7, 0)
