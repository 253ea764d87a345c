"""Cells by name."""

from __future__ import annotations

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
