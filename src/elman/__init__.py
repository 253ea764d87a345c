"""elman: recurrent neural networks, whole. The public names, each imported at its first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman import cells, nn
    from elman.backends import explain
    from elman.cells import Cell
    from elman.estimators import Classifier, load

__version__ = "0.1.0"

_PLACES = {
    "Cell": "elman.cells",
    "Classifier": "elman.estimators",
    "explain": "elman.backends",
    "load": "elman.estimators",
}
_MODULES = ("cells", "nn")

__all__ = ["Cell", "Classifier", "cells", "explain", "load", "nn"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"elman.{name}")
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'elman' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
