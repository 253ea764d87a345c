"""The estimators of the tasks and `load`, under the names by which they are imported from elman."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elman.tasks import TASKS

if TYPE_CHECKING:
    from elman.tasks.classify import Classifier as Classifier
    from elman.tasks.estimator import load as load
    from elman.tasks.forecast import Forecaster as Forecaster
    from elman.tasks.generate import LanguageModel as LanguageModel
    from elman.tasks.regress import Regressor as Regressor
    from elman.tasks.tag import Tagger as Tagger

_PLACES = {entry.estimator: f"elman.tasks.{name}" for name, entry in TASKS.items()} | {
    "load": "elman.tasks.estimator"
}

__all__ = list(_PLACES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'elman.estimators' has no attribute {name!r}")
