"""Cells by name."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import dataclass

import pytest

from elman import cells
from elman.errors import ArgumentError


def test_create_passes_options():
    assert repr(cells.create("qrnn", window=3)) == "QRNN(window=3)"
    assert cells.create("lstm", peepholes=True).peepholes is True
    assert cells.options("rnn") == ("activation", "start")


def test_unknown_names_and_options():
    with pytest.raises(
        ArgumentError, match=r"cell: unknown name 'lsmt'. Did you mean 'lstm'\? Valid: feedback, gru, indrnn"
    ):
        cells.create("lsmt")
    with pytest.raises(
        ArgumentError, match=r"gru option: unknown name 'reset'. Did you mean 'reset_after'\?"
    ):
        cells.create("gru", reset=True)
    with pytest.raises(ArgumentError, match=r"activation: unknown name 'tahn'. Did you mean 'tanh'\?"):
        cells.create("rnn", activation="tahn")


@pytest.mark.parametrize("name", cells.names())
def test_a_class_lists_the_options_it_has(name):
    known = cells.options(name)
    cell = type(cells.create(name))
    assert known == tuple(inspect.signature(cell).parameters)
    with pytest.raises(ArgumentError) as error:
        cell(qqq=True)
    valid = ", ".join(sorted(known)) or "none"
    assert str(error.value) == f"{cell.__name__} option: unknown name 'qqq'. Valid: {valid}."


def test_the_nearest_option_is_offered_and_cells_of_ones_own_are_no_other():
    class Mine(cells.GRU):
        def __init__(self, decay: float = 0.5, **rest: bool) -> None:
            super().__init__(**rest)
            self.decay = decay

    class Plain(cells.Cell):
        pass

    with pytest.raises(ArgumentError) as error:
        cells.LSTM(peephole=True)
    assert str(error.value) == (
        "LSTM option: unknown name 'peephole'. Did you mean 'peepholes'? Valid: activation, coupled, "
        "forget_bias, gate_activation, layer_norm, peepholes, projection."
    )
    with pytest.raises(ArgumentError, match=r"^Mine option: unknown name 'peepholes'. Valid: layer_norm, "):
        Mine(decay=0.1, peepholes=True)
    with pytest.raises(ArgumentError, match=r"^Plain option: unknown name 'size'. Valid: none.$"):
        Plain(size=3)
    made = Mine(0.1, reset_after=False)
    assert (made.decay, made.reset_after) == (0.1, False)
    assert list(inspect.signature(Mine).parameters) == ["decay", "rest"]
    assert repr(copy.deepcopy(made)) == repr(pickle.loads(pickle.dumps(cells.GRU(False)))).replace(
        "GRU(", "Mine("
    ).replace(")", ", decay=0.1)")


@pytest.mark.parametrize("frozen", [False, True])
def test_a_cell_that_is_a_dataclass(frozen):
    @dataclass(frozen=frozen)
    class Leaky(cells.Cell):
        gain: float = 1.0

        def step(self, x, h):
            return cells.tanh(self.project(x, "ih") + self.gain * self.project(h, "hh"))

    with pytest.raises(ArgumentError) as error:
        Leaky(gian=2.0)
    assert str(error.value) == "Leaky option: unknown name 'gian'. Did you mean 'gain'? Valid: gain."
    assert list(inspect.signature(Leaky).parameters) == ["gain"]
    made = copy.deepcopy(Leaky(2.0))
    assert made.gain == 2.0
    assert {p.name for p in made.program().parameters} == {"weight_ih", "bias_ih", "weight_hh", "bias_hh"}


def test_register_and_unregister():
    class Mine(cells.RNN):
        pass

    cells.register("mine", Mine)
    try:
        assert "mine" in cells.names()
        assert isinstance(cells.create("mine"), Mine)
        with pytest.raises(ArgumentError, match="name: expected a name that is not taken yet, got 'mine'"):
            cells.register("mine", Mine)
        with pytest.raises(ArgumentError, match=r"cell: expected a subclass of elman\.cells\.Cell"):
            cells.register("other", dict)
    finally:
        cells.unregister("mine")
    assert "mine" not in cells.names()
