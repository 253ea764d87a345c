"""Task: what one file under tasks/ has to say; everything else about the three jobs is shared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import polars as pl
from rich.console import RenderableType
from torch import Tensor, nn

from elman.cells import Cell, create
from elman.data import Splits
from elman.tasks.network import cell_about
from elman.train.learner import Learner
from elman.train.options import TrainOptions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

O = TypeVar("O", bound=TrainOptions)  # noqa: E741
D = TypeVar("D", bound=Sized)


@dataclass
class Model:
    """A module with everything that its use needs.

    about: plain values, kept in model.safetensors beside the weights; the task rebuilds the module from them.
    vocabulary: JSON of the tokens, kept in its own file; None for numbers.
    parts: the task's own objects (classes, inputs …), the `cell` among them.
    notes: what is to be said of how it was made, a line each.
    """

    module: nn.Module
    about: dict[str, Any]
    vocabulary: str | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a model says of one sequence, to be explained.

    text: the answer. inputs: (T,) what stands at each step, tokens or lists of numbers. score: given n, the
    score (n,) of that answer for n copies of the sequence, by one run of the network.
    """

    text: str
    inputs: list[Any]
    score: Callable[[int], Tensor]


@dataclass(frozen=True)
class More(Generic[D]):
    """Data for a model that is there, to evaluate it or to predict.

    called: what to call them. notes: what is to be said of how they were read, such as the columns taken.
    """

    part: D
    called: str
    notes: tuple[str, ...] = ()


class Task(ABC, Generic[O, D]):
    """One kind of learning, such as a label for each sequence, on data of one kind D, such as `Examples`."""

    name: ClassVar[str]
    headline: ClassVar[str]  # the figure to show, such as "accuracy"
    unit: ClassVar[str] = "sequences"  # what len() of a part of the data counts
    limits: ClassVar[str] = "The figures hold for data like those above."  # for the model card
    options: type[O]
    estimator: type[Any]  # the class with scikit-learn's manners

    @abstractmethod
    def read(self, options: O) -> tuple[Splits[D], O]:
        """The checked data that the options name, with columns and whatever else was found filled in."""

    @abstractmethod
    def read_more(self, data: str, options: O, *, labelled: bool) -> More[D]:
        """Data to evaluate or predict; of a data set with parts its test."""

    @abstractmethod
    def choose(self, options: O, splits: Splits[D]) -> O:
        """The options with all that was left open chosen from the data."""

    @abstractmethod
    def prepare(self, options: O, splits: Splits[D]) -> tuple[Model, Learner]:
        """A new model and its learner; every check of the data has passed once this returns."""

    @abstractmethod
    def learner(self, model: Model, splits: Splits[D], options: O) -> Learner:
        """A learner of the model as it is, on these data: what `prepare` gives, or for a saved model."""

    def seen(self, model: Model, batch: Any) -> Tensor | list[list[str]] | None:
        """What a fetched batch holds for people: (T, B, F) numbers, or T rows of B tokens; None: what the
        recurrent layers read."""
        return None

    def answer(self, model: Model, batch: Any, sequence: int) -> Answer | None:
        """What the model says of one sequence of a fetched batch; None where there is no such sequence, or
        the task has no single answer."""
        return None

    @abstractmethod
    def rebuild(self, about: Mapping[str, Any], vocabulary: str | None) -> Model:
        """The model that was saved, still without its weights."""

    @abstractmethod
    def figures(self, model: Model, part: D) -> dict[str, Any]:
        """How the model does on labelled data."""

    @abstractmethod
    def baselines(self, model: Model, part: D, train: D | None) -> dict[str, dict[str, Any]]:
        """By name, the figures on `part` of simple rules learned from `train`.

        Without `train`, as in `elman evaluate`, those that the model remembers enough for. "seconds" among
        the figures of a rule says how long it took.
        """

    @abstractmethod
    def predictions(self, model: Model, part: D) -> pl.DataFrame:
        """A row for each thing predicted."""

    @abstractmethod
    def card(self, model: Model, splits: Splits[D], folder: Path) -> tuple[str, str]:
        """For the model card: (what was learned from what, how to use it from Python)."""

    def rows(self, model: Model) -> Mapping[str, Sequence[str]]:
        """By the name of a tensor of the module: what its rows stand for, such as words or labels."""
        return {}

    def describe(self, figures: Mapping[str, Any], model: Model) -> list[RenderableType]:
        """Further tables on `figures`, such as the confusion of the classes."""
        return []

    def draw(self, model: Model, splits: Splits[D], figures: Mapping[str, Any]) -> dict[str, Figure]:
        """Pictures of the result by file name, for the run folder; `figures` are those of the last part."""
        return {}

    def about(self, model: Model) -> dict[str, Any]:
        """What model.safetensors says beside the weights; raises `RunError` for a cell not registered."""
        cell = cell_about(model.parts["cell"])
        options = {**model.about["options"], "cell": cell["name"]}
        return {"task": self.name, **model.about, "options": options, "cell": cell}


def saved_cell(about: Mapping[str, Any]) -> Cell:
    """The cell that `Task.about` wrote down."""
    return create(about["cell"]["name"], **about["cell"]["options"])
