"""A Program as text, LaTeX and cost."""

from __future__ import annotations

import pytest

from elman import cells
from elman.errors import ArgumentError


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
