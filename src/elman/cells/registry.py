"""The cells by name. A new cell is one file and one line here; tests, options and docs pick it up."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from elman.cells.cell import Cell
from elman.cells.checks import check_names
from elman.cells.feedback import OutputFeedback
from elman.cells.gru import GRU
from elman.cells.indrnn import IndRNN
from elman.cells.jordan import Jordan
from elman.cells.ligru import LiGRU
from elman.cells.lru import LRU
from elman.cells.lstm import LSTM
from elman.cells.mgu import MGU
from elman.cells.mingru import MinGRU
from elman.cells.minlstm import MinLSTM
from elman.cells.narx import NARX
from elman.cells.qrnn import QRNN
from elman.cells.rglru import RGLRU
from elman.cells.rnn import RNN
from elman.cells.slstm import SLSTM
from elman.cells.sru import SRU
from elman.errors import unknown, wrong

_OTHERS = ("sigmoid", "gelu", "elu")  # activations beside tanh and relu, one of each kind

#: name -> (class, the sets of options that the contract tests go through)
_CELLS: dict[str, tuple[type[Cell], tuple[Mapping[str, Any], ...]]] = {
    "rnn": (RNN, ({}, {"activation": "relu", "start": "identity"}, *({"activation": a} for a in _OTHERS))),
    "jordan": (Jordan, ({}, {"output": "sigmoid", "projection": True})),
    "feedback": (OutputFeedback, ({}, {"projection": True})),
    "narx": (NARX, ({}, {"outputs": 0, "hidden": 2, "inputs": 0}, {"outputs": 1, "hidden": 0, "inputs": 1})),
    "gru": (
        GRU,
        ({}, {"reset_after": False}, {"layer_norm": True}, {"reset_after": False, "layer_norm": True}),
    ),
    "lstm": (
        LSTM,
        (
            {},
            {"projection": True},
            {"peepholes": True},
            {"peepholes": True, "projection": True},
            {"layer_norm": True, "projection": True},
            {"coupled": True, "peepholes": True, "activation": "softsign", "gate_activation": "hard_sigmoid"},
        ),
    ),
    "mgu": (MGU, ({},)),
    "ligru": (LiGRU, ({}, {"layer_norm": False})),
    "indrnn": (IndRNN, ({}, {"activation": "tanh"})),
    "sru": (SRU, ({},)),
    "qrnn": (QRNN, ({}, {"window": 1}, {"window": 3})),
    "mingru": (MinGRU, ({},)),
    "minlstm": (MinLSTM, ({},)),
    "lru": (LRU, ({},)),
    "rglru": (RGLRU, ({},)),
    "slstm": (SLSTM, ({}, {"forget": "exponential", "heads": 2})),
}


def names() -> tuple[str, ...]:
    """The names of all registered cells."""
    return tuple(_CELLS)


def variants(name: str) -> tuple[Mapping[str, Any], ...]:
    """The sets of options in which the contract tests try a cell."""
    return _entry(name)[1]


def options(name: str) -> tuple[str, ...]:
    """The names of the options that a cell's constructor takes."""
    return tuple(inspect.signature(_entry(name)[0]).parameters)


def create(name: str, **given: Any) -> Cell:
    """The cell of that name with its options.

    Raises `ArgumentError` for an unknown name or option, with the valid ones and the nearest.
    """
    check_names(name, given, options(name))
    return _entry(name)[0](**given)


def register(name: str, cell: type[Cell], variants: tuple[Mapping[str, Any], ...] = ({},)) -> None:
    """Make a user's cell known by name, to options and to the contract tests.

    Raises `ArgumentError` if the name is taken or `cell` is no subclass of `Cell`.
    """
    if name in _CELLS:
        raise wrong(
            "name", expected="a name that is not taken yet", got=name, remedy=f"Taken: {', '.join(_CELLS)}."
        )
    if not (isinstance(cell, type) and issubclass(cell, Cell)):
        raise wrong("cell", expected="a subclass of elman.cells.Cell", got=cell)
    _CELLS[name] = (cell, variants)


def unregister(name: str) -> None:
    """Forget a registered cell."""
    _entry(name)
    del _CELLS[name]


def _entry(name: str) -> tuple[type[Cell], tuple[Mapping[str, Any], ...]]:
    if name not in _CELLS:
        raise unknown("cell", name, _CELLS)
    return _CELLS[name]
