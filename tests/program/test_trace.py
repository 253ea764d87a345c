"""What a cell may write, and what it is told when it may not: the line, the problem, the remedy."""

from __future__ import annotations

import cProfile
import math
import sys

import numpy as np
import pytest
import torch

from elman import cells
from elman.cells import Cell, State, sigmoid, tanh
from elman.errors import ArgumentError, CellError

FUNCTIONS = "Functions for cells, all in elman.cells: tanh, sigmoid, relu, exp"


H = (State("h"),)


def traced(step, states=H):
    """The Program of a cell made of this step."""
    return type("Mine", (Cell,), {"step": step, "states": states})().program()


def test_a_cell_of_ten_lines_traces_to_its_equations():
    def step(self, x, h):
        z = sigmoid(self.project(x, "xz") + self.project(h, "hz"))
        return (1 - z) * h + z * tanh(self.project(x, "xh"))

    assert str(traced(step)).splitlines() == [
        "Mine: state h (H)",
        "  xz_x = weight_xz · x + bias_xz   before the loop, for all steps",
        "  xh_x = weight_xh · x + bias_xh   before the loop, for all steps",
        "  v1 = weight_hz · h + bias_hz   product",
        "  z = sigmoid(xz_x + v1)",
        "  h' = (1 - z) * h + z * tanh(xh_x)",
    ]


@pytest.mark.parametrize(
    ("expression", "problem", "remedy"),
    [
        (lambda a, h: math.tanh(a), "A function that the Program does not know", FUNCTIONS),
        (lambda a, h: np.tanh(a), "A function that the Program does not know", FUNCTIONS),
        (lambda a, h: torch.tanh(a), "A function that the Program does not know", FUNCTIONS),
        (lambda a, h: a @ h, "A function that the Program does not know", FUNCTIONS),
        (
            lambda a, h: a.tanh(),
            "A symbol has no attribute 'tanh'",
            "Write it with a function of elman.cells",
        ),
        (lambda a, h: a if a > 0 else h, "A symbol has no value while", "Write select(a, b, c)"),
        (lambda a, h: max(a, h), "A symbol has no value while", "Write select(a, b, c)"),
        (lambda a, h: list(a), "A symbol has no value while", "Write select(a, b, c)"),
        (lambda a, h: a + np.ones(3), "A symbol is combined with ndarray", "Use plain numbers, symbols"),
        (lambda a, h: a / 0, "A symbol is divided by zero.", "Divide by a number other than 0."),
        (lambda a, h: a**0.5, "A symbol is raised to the power 0.5.", "Powers are whole numbers"),
        (lambda a, h: tanh(1.0), "tanh: expected a symbol, got float.", "Apply it to x, a state"),
    ],
)
def test_what_a_step_cannot_do_names_line_and_remedy(expression, problem, remedy):
    def step(self, x, h):
        return expression(self.project(x, "ih"), h)

    with pytest.raises(CellError) as error:
        traced(step)
    first, line, last = str(error.value).splitlines()
    assert first.startswith(problem)
    assert f"{__file__}:" in line
    assert line.endswith("pytest.mark.parametrize(") or "lambda a, h" in line
    assert last.startswith(remedy)


def test_an_unknown_name_lists_the_functions():
    def step(self, x, h):
        return softmax(self.project(x, "ih"))  # noqa: F821

    with pytest.raises(CellError, match="NameError: name 'softmax' is not defined") as error:
        traced(step)
    assert 'return softmax(self.project(x, "ih"))' in str(error.value)
    assert "A step may use + - * /, self.project, self.vector" in str(error.value)


def test_widths_that_do_not_fit():
    def step(self, x, h):
        return x + h

    with pytest.raises(CellError, match=r"add: the operands have different widths, I and H") as error:
        traced(step)
    assert "return x + h" in str(error.value)
    assert "self.project(value, " in str(error.value)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda self, x, h: (h, h), r"Mine.step returned 2 value\(s\) for 1 state\(s\) \(h\)"),
        (lambda self, x, h: 3.0, r"Mine.step returned float 3.0 for state 'h'"),
        (lambda self, x, h: x, r"Mine.step returned width I for state 'h' of width H"),
        (lambda self, x: x, r"Mine.step takes \(x\), but the cell's states are \(h\)"),
        (lambda self, x, h, c: h, r"but the cell's states are \(h\).(.|\n)*Write it as step\(self, x, h\)"),
        (lambda self, x, h: tanh(self.project(h, "hh")), "Mine.step does not use x"),
        (lambda self, x, h: self.project(x, "ih", gates=2)[0], "Gate 1 of 'weight_ih' is computed"),
        (
            lambda self, x, h: self.project(x, "ih") + self.project(h, "hh", gates=2)[1],
            "Gate 0 of 'weight_hh'",
        ),
        (lambda self, x, h: self.project(x, "ih", init="normal"), "unknown initialisation 'normal'"),
        (
            lambda self, x, h: self.project(x, "ih", gates=2, init=(1.0,)),
            "a number or None for each of 2 gates",
        ),
        (lambda self, x, h: self.project(x, "ih", only=1), "only=1 is not within 1 gates"),
        (lambda self, x, h: self.project(x, "ih", width="X"), "width 'X' is unknown"),
        (lambda self, x, h: self.project(x, "ih", heads=0), "heads=0 is not a whole number from 1 on"),
        (lambda self, x, h: self.project(1.0, "ih"), "project: expected a symbol, got float"),
        (
            lambda self, x, h: self.project(x, "a") + self.project(h, "a"),
            "The parameter 'weight_a' is used in two ways",
        ),
    ],
)
def test_steps_that_do_not_add_up(step, message):
    with pytest.raises(CellError, match=message):
        traced(step)


def test_states_are_checked():
    def step(self, x, h):
        return self.project(x, "ih")

    with pytest.raises(CellError, match="expected one or more different states"):
        traced(step, states=())
    with pytest.raises(CellError, match="state 'h' has width 'X'; expected 'H', 'P' or 'I'"):
        traced(step, states=(State("h", "X"),))


def test_a_cell_without_step_and_project_outside_of_it():
    with pytest.raises(CellError, match="Empty has no step"):
        type("Empty", (Cell,), {})().program()
    with pytest.raises(CellError, match="work inside step"):
        Cell().project(None, "ih")


def test_parameters_in_torch_order_and_shapes():
    sizes = {"I": 5, "H": 7, "P": 3}
    program = cells.LSTM(peepholes=True, projection=True).program()
    assert [(p.name, p.shape(sizes)) for p in program.parameters] == [
        ("weight_ih", (28, 5)),
        ("weight_hh", (28, 3)),
        ("bias_ih", (28,)),
        ("bias_hh", (28,)),
        ("peephole", (21,)),
        ("weight_hr", (3, 7)),
    ]
    assert [p.name for p in cells.GRU().program(bias=False).parameters] == ["weight_ih", "weight_hh"]


def test_equal_cells_have_equal_keys_and_different_ones_do_not():
    made = [cells.create(n, **o) for n in cells.names() for o in cells.variants(n)]
    programs = [cell.program(bias) for cell in made for bias in (True, False)]
    described = {f"{program}{program.parameters}" for program in programs}
    assert len({program.key for program in programs}) == len(described) > len(made)
    assert cells.LSTM().program().key == cells.LSTM().program().key


def test_a_profiler_at_work_is_left_alone():
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        assert cells.GRU().program().states == (State("h"),)
        assert sys.getprofile() is profiler
    finally:
        profiler.disable()
    assert any("gru.py" in str(entry.code) for entry in profiler.getstats())


def test_block_diagonal_weights():
    def step(self, x, h):
        return tanh(self.project(x, "ih") + self.project(h, "hh", heads=4))

    program = traced(step)
    sizes = {"I": 5, "H": 8, "P": 0}
    assert [p.shape(sizes) for p in program.parameters] == [(8, 5), (8, 2), (8,), (8,)]
    assert "v1 = weight_hh · h by 4 heads + bias_hh   product" in str(program)
    assert r"\bigoplus_{n=1}^{4} W_{\mathrm{hh},n}^{(0)}" in program.latex()
    assert program.cost(1, 1, 5, 8).flops == 2 * (8 * 5 + 8 * 2) + 8 + 8 * 8
    assert program.key != traced(lambda self, x, h: tanh(self.project(x, "ih") + self.project(h, "hh"))).key
    with pytest.raises(ArgumentError, match="hidden_size: expected a multiple of the 4 heads of 'weight_hh'"):
        program.cost(1, 1, 5, 6)
