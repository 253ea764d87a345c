"""Task: what one file under tasks/ has to say; everything else about the three jobs is shared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import polars as pl
from rich.console import RenderableType
from torch import nn

from elman.data import Examples, Splits
from elman.train.learner import Learner
from elman.train.options import TrainOptions

O = TypeVar("O", bound=TrainOptions)  # noqa: E741


@dataclass
class Model:
    """A module with everything that its use needs.

    about: plain values, kept in model.safetensors beside the weights; the task rebuilds the module from them.
    vocabulary: JSON of the tokens, kept in its own file; None for numbers.
    parts: the task's own objects (classes, inputs …).
    """

    module: nn.Module
    about: dict[str, Any]
    vocabulary: str | None = None
    parts: dict[str, Any] = field(default_factory=dict)


class Task(ABC, Generic[O]):
    """One kind of learning, such as a label for each sequence."""

    name: ClassVar[str]
    headline: ClassVar[str]  # the figure to show, such as "accuracy"
    options: type[O]
    estimator: type[Any]  # the class with scikit-learn's manners

    @abstractmethod
    def read(self, options: O) -> tuple[Splits, O]:
        """The checked data that the options name, with columns and whatever else was found filled in."""

    @abstractmethod
    def read_more(self, data: str, options: O, *, labelled: bool) -> tuple[Examples, str]:
        """(examples to evaluate or predict, what to call them); of a data set with parts its test."""

    @abstractmethod
    def choose(self, options: O, splits: Splits) -> O:
        """The options with all that was left open chosen from the data."""

    @abstractmethod
    def prepare(self, options: O, splits: Splits) -> tuple[Model, Learner]:
        """A new model and its learner; every check of the data has passed once this returns."""

    @abstractmethod
    def rebuild(self, about: Mapping[str, Any], vocabulary: str | None) -> Model:
        """The model that was saved, still without its weights."""

    @abstractmethod
    def figures(self, model: Model, examples: Examples) -> dict[str, Any]:
        """How the model does on labelled examples."""

    @abstractmethod
    def baselines(self, model: Model, examples: Examples) -> dict[str, dict[str, Any]]:
        """By name, the figures of simple rules learned from the model's training data."""

    @abstractmethod
    def predictions(self, model: Model, examples: Examples) -> pl.DataFrame:
        """A row for each example."""

    @abstractmethod
    def describe(self, figures: Mapping[str, Any], model: Model) -> list[RenderableType]:
        """Further tables on `figures`, such as the confusion of the classes."""

    @abstractmethod
    def card(self, model: Model, splits: Splits, folder: Path) -> tuple[str, str]:
        """For the model card: (what was learned from what, how to use it from Python)."""

    def about(self, model: Model) -> dict[str, Any]:
        """What model.safetensors says beside the weights."""
        return {"task": self.name, **model.about}
