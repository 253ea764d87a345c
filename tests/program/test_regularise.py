"""Regularisers as rewrites of a Program: where the masks stand, for our cells and for any other."""

from __future__ import annotations

from typing import Any

import pytest

from elman import cells
from elman.cells import Cell, State, sigmoid, tanh
from elman.errors import ArgumentError
from elman.program import Mask
from elman.program.regularise import purpose, regularise, zoned_by_default


class Elementwise(Cell):
    """No product of a state: h and m enter the step alone."""

    states = (State("h"), State("m"))

    def step(self, x: Any, h: Any, m: Any) -> tuple[Any, Any]:
        m = sigmoid(self.vector("decay")) * m + self.project(x, "x")
        return tanh(m) + self.vector("u") * h, m


class Tapped(Cell):
    """The last two inputs and the last two outputs, each in a product."""

    states = (State("y"), State("y_older"), State("x_older", "I"))

    def step(self, x: Any, y: Any, y_older: Any, x_older: Any) -> tuple[Any, Any, Any]:
        before = self.project(y, "y") + self.project(y_older, "older") + self.project(x_older, "xo")
        return tanh(self.project(x, "x") + before), y, x


def lines(program: Any) -> list[str]:
    """The listing without its heading and its notes."""
    return [line.strip().split("   ")[0] for line in str(program).splitlines()[1:]]


def test_recurrent_dropout_masks_the_state_in_its_product_alone() -> None:
    assert lines(regularise(cells.GRU().program(), recurrent_dropout=True)) == [
        "xr xz xn = weight_ih · x + bias_ih",
        "h_dropped = h * drop_h",
        "hr hz hn = weight_hh · h_dropped + bias_hh",
        "r = sigmoid(xr + hr)",
        "z = sigmoid(xz + hz)",
        "n = tanh(xn + r * hn)",
        "h' = n + z * (h - n)",
    ]


def test_recurrent_dropout_reaches_a_state_within_an_operand() -> None:
    found = lines(regularise(cells.GRU(reset_after=False).program(), recurrent_dropout=True))
    assert found[1:3] == ["h_dropped = h * drop_h", "hr hz = weight_hh · h_dropped + bias_hh"]
    assert found[5:7] == ["v1 = r * h_dropped", "v2 = weight_hh · v1 + bias_hh"]
    assert found[-1] == "h' = n + z * (h - n)"


def test_a_product_of_a_new_state_is_not_masked() -> None:
    program = regularise(cells.LSTM(peepholes=True, projection=True).program(), recurrent_dropout=True)
    assert program.masks == (Mask("drop_h", "P"),)
    assert lines(program)[-2:] == ["v1 = o * tanh(c')", "h' = weight_hr · v1"]


def test_without_products_the_states_are_masked_where_they_enter() -> None:
    program = regularise(Elementwise().program(), recurrent_dropout=True)
    assert program.masks == (Mask("drop_h"), Mask("drop_m"))
    assert {"h_dropped = h * drop_h", "m_dropped = m * drop_m"} <= set(lines(program))
    assert lines(program)[-3:] == [
        "m' = sigmoid(decay0) * m_dropped + x_x",
        "h' = tanh(m') + u0 * h_dropped",
        "linear and elementwise in m, h",
    ]


def test_older_inputs_are_left_alone() -> None:
    program = Tapped().program()
    assert [m.name for m in regularise(program, recurrent_dropout=True).masks] == ["drop_y", "drop_y_older"]
    assert zoned_by_default(program) == ("y",)


def test_zoneout_lets_the_rest_of_the_step_see_the_new_state() -> None:
    program = cells.LSTM().program()
    assert lines(regularise(program, zoneout=["h", "c"]))[-3:] == [
        "h_new = o * tanh(c_new)",
        "h' = zone_h * h + (1 - zone_h) * h_new",
        "c' = zone_c * c + (1 - zone_c) * c_new",
    ]
    assert regularise(program, zoneout=["c"]).masks == (Mask("zone_c"),)
    assert purpose(Mask("zone_c")) == ("zone", "c")


def test_a_rewrite_is_made_once_and_changes_the_key() -> None:
    program = cells.LSTM().program()
    options = [
        {"recurrent_dropout": True},
        {"zoneout": ("h",)},
        {"zoneout": ("c",)},
        {"zoneout": ("h", "c")},
        {"recurrent_dropout": True, "zoneout": ("h", "c")},
    ]
    made = [regularise(program, **o) for o in options]
    assert all(regularise(program, **o) is m for o, m in zip(options, made, strict=True))
    assert len({program.key, *(m.key for m in made)}) == 1 + len(options)
    assert regularise(program) is program


def test_the_original_is_left_as_it_was() -> None:
    program = cells.GRU().program()
    before = str(program)
    regularise(program, recurrent_dropout=True, zoneout=["h"])
    assert str(program) == before
    assert program.key == cells.GRU().program().key


def test_zoneout_of_what_is_no_state() -> None:
    with pytest.raises(ArgumentError) as caught:
        regularise(cells.LSTM().program(), zoneout=["cc"])
    assert str(caught.value) == "zoneout: unknown name 'cc'. Did you mean 'c'? Valid: c, h."
