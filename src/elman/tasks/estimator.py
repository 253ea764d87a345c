"""Estimators with scikit-learn's manners; their parameters are the options of their task."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from rich.console import Console
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from elman.data import Splits
from elman.errors import unknown
from elman.tasks import task_named
from elman.tasks.initial import start_from
from elman.tasks.network import as_given
from elman.tasks.saved import open_model
from elman.tasks.task import Model, Task
from elman.train import options as opts
from elman.train.averaging import check_average
from elman.train.device import check_device
from elman.train.display import Display, RichDisplay
from elman.train.loop import fit
from elman.train.run_folder import RunFolder


class Estimator(BaseEstimator):
    """Base of the estimators. A subclass says which `task_name` and `options_type` it is for.

    The constructor takes every option of the task that is not about files, by name only, and (as
    scikit-learn wants it) checks values in `fit`. Raises `ArgumentError` for an unknown option, with the
    nearest one.
    """

    task_name: ClassVar[str]
    options_type: ClassVar[type[opts.TrainOptions]]
    model_: Model

    def __init__(self, **options: Any) -> None:
        raise TypeError(f"{type(self).__name__} names no options_type")

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "options_type" in cls.__dict__:
            cls.__init__ = _constructor(cls.options_type)  # type: ignore[method-assign]

    @property
    def _task(self) -> Task[Any, Any]:
        return task_named(self.task_name)

    def options(self) -> opts.TrainOptions:
        """The parameters as checked options."""
        options = self.options_type(**self.get_params(deep=False))
        opts.check(options)
        check_device(options.device)
        return options

    def _learn(self, splits: Splits[Any]) -> None:
        """Train a new model on checked examples; the random state of torch is left as it was."""
        task = self._task
        options = task.choose(self.options(), splits)
        check_average(options, validated=splits.valid is not None)
        display = RichDisplay(Console(), task.headline) if options.verbose else Display()
        with torch.random.fork_rng():
            torch.manual_seed(options.seed)
            model, learner = task.prepare(options, splits)
            if options.init is not None:
                start_from(self.task_name, model, options.init)
            outcome = fit(learner, options, display=display)
        self.model_ = model
        self.history_ = outcome.history
        self.n_iter_ = len(outcome.history)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the fitted model to a new folder, from which `elman.load` reads it.

        Raises `RunError` if the folder exists (unless `overwrite`), or the cell is not registered.
        """
        check_is_fitted(self, "model_")
        folder = RunFolder(Path(path))
        folder.check_new(overwrite=overwrite)
        folder.about = self._task.about(self.model_)
        folder.begin(folder.about["options"], vocabulary=self.model_.vocabulary)
        folder.save_best(self.model_.module.state_dict(), self.n_iter_)

    def _take(self, model: Model) -> None:
        """Become the fitted estimator of a loaded model."""
        self.model_ = model


def load(path: str | Path) -> Any:
    """The fitted estimator in a run folder, whether `elman train` or `save` wrote it.

    Its history_ is what `elman train` recorded; empty after `save`, which keeps the model alone.

    Raises `RunError` if there is none, or a file is truncated or was changed.
    """
    task, model = open_model(path)
    kind = task.estimator
    known = opts.rules(kind.options_type)
    estimator = kind(**{name: value for name, value in model.about["options"].items() if known[name].python})
    if not {"activation", "cell_options"} & set(model.about["options"]):
        estimator.cell = as_given(model.parts["cell"])
    estimator._take(model)
    estimator.history_ = RunFolder(Path(path)).load_history()
    estimator.n_iter_ = len(estimator.history_)
    return estimator


def _constructor(options_type: type[opts.TrainOptions]) -> Callable[..., None]:
    """An `__init__` whose signature is the options, which is where scikit-learn looks for parameters."""
    fields = [f for f in dataclasses.fields(options_type) if f.metadata["rule"].python]
    names = [f.name for f in fields]

    def __init__(self: Any, **options: Any) -> None:  # noqa: N807
        for name in options:
            if name not in names:
                raise unknown("option", name, names)
        for f in fields:
            setattr(self, f.name, options.get(f.name, f.default))

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(f.name, keyword, default=f.default) for f in fields]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = inspect.Signature([own, *parameters])  # type: ignore[attr-defined]
    return __init__
