"""Which states a Program is linear in, feature by feature: found by looking."""

from __future__ import annotations

import pytest

from elman import cells
from elman.cells import Cell, State, mean, select, sigmoid, tanh

ONE = (State("h"),)
TWO = (State("h"), State("m"))


def traced(step, states=ONE):
    return type("Mine", (Cell,), {"step": step, "states": states})().program()


@pytest.mark.parametrize(
    ("step", "linear"),
    [
        (lambda s, x, h: sigmoid(s.project(x, "f")) * h + s.project(x, "n"), True),
        (lambda s, x, h: (2 * h - s.project(x, "n")) / (1 + s.project(x, "d") ** 2), True),
        (lambda s, x, h: select(s.project(x, "g"), 0.5 * h, h) - 1, True),
        (lambda s, x, h: tanh(s.project(x, "n")), True),  # no recurrence at all: a = 0
        (lambda s, x, h: select(h, s.project(x, "g"), h), False),
        (lambda s, x, h: s.project(x, "n") / h, False),
        (lambda s, x, h: h * h + s.project(x, "n"), False),
        (lambda s, x, h: tanh(h + s.project(x, "n")), False),
        (lambda s, x, h: mean(h) + s.project(x, "n"), False),
        (lambda s, x, h: s.project(h, "hh") + s.project(x, "n"), False),
    ],
)
def test_one_state(step, linear):
    program = traced(step)
    assert program.scans == ((("h",),) if linear else ())


def test_groups_come_in_an_order_in_which_each_needs_only_former_ones():
    def layers(self, x, h, m):
        m = sigmoid(self.project(x, "f")) * m + self.project(x, "n")
        return tanh(self.project(m, "g")) * h + m, m

    def rotation(self, x, h, m):
        a, b = self.vector("turn", gates=2)
        return a * h - b * m + self.project(x, "n"), a * m + b * h

    def one_of_two(self, x, h, m):
        return tanh(self.project(h, "hh") + m), 0.5 * m + self.project(x, "n")

    assert traced(layers, TWO).scans == (("m",), ("h",))
    assert traced(rotation, TWO).scans == (("h", "m"),)
    assert traced(one_of_two, TWO).scans == (("m",),)
    three = (*TWO, State("n"))
    assert traced(lambda s, x, h, m, n: (m + s.project(x, "a"), n, h), three).scans == ()  # a ring of three


def test_the_library_s_cells():
    assert cells.create("lru").program().scans == (("re", "im"), ("y",))
    assert cells.create("mingru").program().scans == (("h",),)
    for name in ("rnn", "gru", "lstm", "slstm"):
        assert cells.create(name).program().scans == (), name


def test_the_listing_says_so():
    assert str(cells.create("lru").program()).endswith("\n  linear and elementwise in re, im")
    assert "linear" not in str(cells.create("gru").program())
