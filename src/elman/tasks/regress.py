"""regress: a number for each sequence.

Dimensions: N sequences.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from elman.data import Examples, Splits
from elman.data.arrays import examples_of
from elman.data.checks import check_examples, check_spread, numbers_of
from elman.data.splits import hold_out_any
from elman.tasks.pooled.task import PooledEstimator, PooledTask, row_columns
from elman.tasks.regressing.baselines import error_figures, learned_regressions
from elman.tasks.regressing.learner import RegressLearner, in_units, numbers_said
from elman.tasks.regressing.options import RegressOptions
from elman.tasks.task import Model
from elman.train.picture import draw_against

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Regressor(RegressorMixin, PooledEstimator):
    """A recurrent regression of a number on a sequence, by scikit-learn's conventions.

    X is an array (N, T, F), a list of arrays (T_i, F), or a list of texts; y holds N numbers. The parameters
    are those of `RegressOptions` that are not about files, with the same defaults; those that are None are
    chosen from the data (`regressor.model_.about["options"]` says how).

    After `fit`: n_features_in_ (for numbers), n_iter_ (epochs), history_ (a record for each epoch).
    """

    task_name = "regress"
    options_type = RegressOptions

    def predict(self, X: Any) -> np.ndarray:
        """Numbers (N,), in the units of y."""
        check_is_fitted(self, "model_")
        examples = examples_of(X)
        check_examples(examples, labelled=False)
        return numbers_said(self.model_, examples)


class Regress(PooledTask[RegressOptions]):
    """Regression of a number on a whole sequence."""

    name = "regress"
    headline = "rmse"
    limits = (
        "The figures hold for data like those above; numbers beyond those that were trained on are not to be "
        "expected."
    )
    options = RegressOptions
    estimator = Regressor
    known = ("mean", "deviation", "least", "largest")

    def learn(self, train: Examples) -> dict[str, Any]:
        y = numbers_of(train)
        check_spread(y, train.source)
        values = (y.mean(), y.std(), y.min(), y.max())
        return {name: float(value) for name, value in zip(self.known, values, strict=True)}

    def check_part(self, part: Examples, train: Examples) -> None:
        numbers_of(part)

    def hold_out(self, examples: Examples, share: float, seed: int) -> tuple[Examples, Examples | None]:
        return hold_out_any(examples, share, seed)

    def notes(self, train: Examples, others: Mapping[str, Examples]) -> list[str]:
        y = numbers_of(train)
        return [f"targets of the training data: {y.min():g} to {y.max():g}, mean {y.mean():.4g}"]

    def parts_of(self, known: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def outputs(self, known: Mapping[str, Any]) -> int:
        return 1

    def said(self, model: Model, outputs: Tensor) -> tuple[str, int]:
        return f"{in_units(model, outputs[0].item()):.4g}", 0

    def learner(self, model: Model, splits: Splits[Examples], options: RegressOptions) -> RegressLearner:
        return RegressLearner(model, splits, options)

    def figures(self, model: Model, part: Examples) -> dict[str, Any]:
        truth = numbers_of(part)
        return {**error_figures(truth, numbers_said(model, part)), "sequences": len(part)}

    def baselines(self, model: Model, part: Examples, train: Examples | None) -> dict[str, dict[str, Any]]:
        truth = numbers_of(part)
        rules = {"mean": error_figures(truth, np.full(len(truth), model.about["mean"]))}
        if train is not None:
            rules |= learned_regressions(train, numbers_of(train), part, truth)
        return rules

    def predictions(self, model: Model, part: Examples) -> pl.DataFrame:
        return pl.DataFrame(row_columns(part) | {"prediction": numbers_said(model, part)})

    def draw(self, model: Model, splits: Splits[Examples], figures: Mapping[str, Any]) -> dict[str, Figure]:
        part = splits.last
        return {"predictions.png": draw_against(numbers_of(part), numbers_said(model, part))}

    def card(self, model: Model, splits: Splits[Examples], folder: Path) -> tuple[str, str]:
        low, high = model.about["least"], model.about["largest"]
        parts = ", ".join(f"{len(part):,} ({name})" for name, part in splits.parts().items())
        about = f"A number for each sequence, {low:g} to {high:g} in the training data. Sequences: {parts}."
        return about, f'import elman\n\nregressor = elman.load("{folder}")\nregressor.predict(X)'


TASK = Regress()
