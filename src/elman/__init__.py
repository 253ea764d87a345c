"""elman: recurrent neural networks, whole. The public names, each imported at its first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman import cells as cells
    from elman import inspect as inspect
    from elman import nn as nn
    from elman.backends import explain as explain
    from elman.cells import Cell as Cell
    from elman.estimators import Classifier as Classifier
    from elman.estimators import Forecaster as Forecaster
    from elman.estimators import LanguageModel as LanguageModel
    from elman.estimators import Regressor as Regressor
    from elman.estimators import Tagger as Tagger
    from elman.estimators import load as load
    from elman.reporting import compare as compare
    from elman.reporting import report as report

__version__ = "0.1.0"

_PLACES = {
    "Cell": "elman.cells",
    "compare": "elman.reporting",
    "explain": "elman.backends",
    "report": "elman.reporting",
}
_MODULES = ("cells", "inspect", "nn")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"elman.{name}")
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    if name == "__all__":
        return sorted([*_PLACES, *_MODULES, *_estimators()])
    if not name.startswith("_") and name in _estimators():
        return getattr(import_module("elman.estimators"), name)
    raise AttributeError(f"module 'elman' has no attribute {name!r}")


def _estimators() -> list[str]:
    """The estimators of all tasks, and `load`."""
    return import_module("elman.estimators").__all__


def __dir__() -> list[str]:
    return [*__getattr__("__all__"), "__version__"]
