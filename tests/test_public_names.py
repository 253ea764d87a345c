"""The public names, listed. A change here is a change of the interface and belongs into CHANGELOG.md."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest

ACTIVATIONS_AND_FUNCTIONS = """
    ACTIVATIONS absolute cos elu exp gelu hard_sigmoid hard_tanh identity layer_norm leaky_relu log log1p
    maximum mean minimum relu rsqrt select sigmoid sign silu sin softplus softsign sqrt tanh
"""
CELLS = """
    GRU IndRNN Jordan LRU LSTM LiGRU MGU MinGRU MinLSTM NARX OutputFeedback QRNN RGLRU RNN SLSTM SRU
"""
PUBLIC = {
    "elman": "Cell Classifier Forecaster LanguageModel Regressor Tagger cells compare explain inspect load "
    "nn report",
    "elman.nn": "CRF GRU GRUCell LSTM LSTMCell RNN RNNCell CellLayer Recurrent IndRNN Jordan LRU LiGRU MGU "
    "MinGRU MinLSTM NARX OutputFeedback QRNN RGLRU SLSTM SRU",
    "elman.cells": "Cell State create names options register unregister variants"
    + CELLS
    + ACTIVATIONS_AND_FUNCTIONS,
    "elman.program": "Cost INITS Init Mask Normal Parameter Program Range State Stream",
    "elman.backends": "CHOICES Choice check_device choose explain prepare recurrence",
    "elman.data": "Examples Sequences Splits Vocabulary",
    "elman.inspect": "Active Attribution Examined Finding Gate Influence Inside Inspection LayerFlow Nearest "
    "Place Profile Signs Spectrum States Units Walk attribute effective_rank examine findings flow_of "
    "gradient_flow implied_horizon influence inspect_run look_inside most_active nearest recorded signs_of "
    "spectrum units_of",
    "elman.estimators": "Classifier Forecaster LanguageModel Regressor Tagger load",
}
ERRORS = "ArgumentError BackendError CellError DataError ElmanError MissingError RunError"
NAMES = [(module, name) for module, names in PUBLIC.items() for name in names.split()]


@pytest.mark.parametrize("module", PUBLIC)
def test_the_list_of_public_names(module: str) -> None:
    listed = import_module(module).__all__
    assert sorted(listed) == sorted(PUBLIC[module].split())
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_name_is_there_and_explained(module: str, name: str) -> None:
    thing: Any = getattr(import_module(module), name)
    if inspect.isclass(thing) or inspect.isfunction(thing) or inspect.ismodule(thing):
        documented = thing.__doc__ or ""
        assert documented.strip(), f"{module}.{name} has no docstring"


def test_dir_lists_the_public_names() -> None:
    import elman

    assert set(PUBLIC["elman"].split()) <= set(dir(elman))


def test_an_unknown_name_is_an_attribute_error() -> None:
    import elman

    with pytest.raises(AttributeError, match="module 'elman' has no attribute 'Clasifier'"):
        elman.Clasifier  # noqa: B018


def test_errors_have_one_base_and_a_builtin_one() -> None:
    from elman import errors

    found = {
        name
        for name, thing in vars(errors).items()
        if inspect.isclass(thing) and issubclass(thing, Exception)
    }
    assert found == set(ERRORS.split())
    builtin = {"ArgumentError": ValueError, "BackendError": RuntimeError, "CellError": TypeError}
    builtin |= {"DataError": ValueError, "RunError": RuntimeError, "MissingError": ImportError}
    for name, base in builtin.items():
        assert issubclass(getattr(errors, name), (errors.ElmanError,))
        assert issubclass(getattr(errors, name), base)
