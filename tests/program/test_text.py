"""A Program as text, LaTeX and cost."""

from __future__ import annotations

import pytest

from elman import cells
from elman.errors import ArgumentError
from elman.program.adjoint import adjoint


def test_listing_of_the_lstm():
    assert str(cells.LSTM(peepholes=True, projection=True).program()).splitlines() == [
        "LSTM: state h (P), c (H)",
        "  xi xf xg xo = weight_ih · x + bias_ih   before the loop, for all steps",
        "  hi hf hg ho = weight_hh · h + bias_hh   product",
        "  i = sigmoid(xi + hi + pi * c)",
        "  f = sigmoid(xf + hf + pf * c)",
        "  g = tanh(xg + hg)",
        "  c' = f * c + i * g",
        "  o = sigmoid(xo + ho + po * c')",
        "  v1 = o * tanh(c')",
        "  h' = weight_hr · v1   product",
    ]


def test_latex_of_the_gru():
    assert cells.GRU().program(bias=False).latex().splitlines()[-5:] == [
        r"r &= \sigma\!\left(\mathrm{xr} + \mathrm{hr}\right) \\",
        r"z &= \sigma\!\left(\mathrm{xz} + \mathrm{hz}\right) \\",
        r"n &= \tanh\!\left(\mathrm{xn} + r \odot \mathrm{hn}\right) \\",
        r"h_t &= n + z \odot \left(h_{t-1} - n\right)",
        r"\end{aligned}",
    ]


def test_cost_counts_what_the_equations_say():
    cost = cells.RNN("identity").program(bias=False).cost(batch=2, time=3, input=5, hidden=7)
    assert cost.parameters == 7 * 5 + 7 * 7
    assert cost.flops == 2 * 3 * (2 * 7 * 5 + 2 * 7 * 7 + 7)  # two products and one sum
    assert cost.bytes == 4 * (cost.parameters + 2 * 3 * (5 + 2 * 7 + 7))
    assert cells.LSTM().program().cost(1, 1, 128, 128).parameters == 4 * 128 * (128 + 128 + 2)


def test_cost_rejects_sizes_that_cannot_be():
    with pytest.raises(ArgumentError, match="batch: expected a whole number of 0 or more, got -1"):
        cells.RNN().program().cost(-1, 1, 1, 1)


def test_listing_of_the_adjoint():
    assert str(adjoint(cells.GRU().program())).splitlines() == [
        "GRU, backward: dh', dh from above arrive",
        "  b0 = dh' + dh from above",
        "  b3 = b0 * z",
        "  dxn = (b0 + -b3) * (1 - n²)",
        "  dhn = dxn * r",
        "  dhz = b0 * (h - n) * z * (1 - z)",
        "  dhr = dxn * hn * r * (1 - r)",
        "  b11 = weight_hhᵀ · [dhr dhz dhn]   product",
        "  dh = b3 + b11",
        "  dxr = dhr",
        "  dxz = dhz",
    ]


def test_a_value_that_was_stored_without_a_name_is_shown_as_it_came():
    assert "dho = b0 * [tanh(c')] * o * (1 - o)" in str(adjoint(cells.LSTM().program()))


@pytest.mark.parametrize("name", cells.names())
def test_every_adjoint_names_each_of_its_values_once(name: str):
    lines = str(adjoint(cells.create(name).program())).splitlines()[1:]
    named = [line.split(" = ")[0].strip() for line in lines]
    assert len(set(named)) == len(named)
