"""classify: a label for each sequence.

Dimensions: N sequences, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from rich.console import RenderableType
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from elman.data import Examples, Splits
from elman.data.arrays import examples_of
from elman.data.checks import check_examples, check_rare, class_notes, classes_of, encode_labels
from elman.data.splits import hold_out
from elman.errors import DataError
from elman.tasks.classifying.baselines import learned_classifiers
from elman.tasks.classifying.learner import ClassifyLearner, probabilities_of
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.pooled.task import PooledEstimator, PooledTask, row_columns
from elman.tasks.task import Model
from elman.train.metrics import class_figures, confusion_table, log_loss, majority_figures
from elman.train.picture import draw_confusion

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Classifier(ClassifierMixin, PooledEstimator):
    """A recurrent classifier of sequences, by scikit-learn's conventions.

    X is an array (N, T, F), a list of arrays (T_i, F), or a list of texts; y holds N labels, whole numbers
    or texts. The parameters are those of `ClassifyOptions` that are not about files, with the same defaults;
    those that are None are chosen from the data (`classifier.model_.about["options"]` says how).

    After `fit`: classes_ (K,), n_features_in_ (for numbers), n_iter_ (epochs), history_ (a record for each
    epoch).
    """

    task_name = "classify"
    options_type = ClassifyOptions
    classes_: np.ndarray

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (N, K), in the order of `classes_`."""
        check_is_fitted(self, "model_")
        examples = examples_of(X)
        check_examples(examples, labelled=False)
        return probabilities_of(self.model_, examples)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable labels (N,)."""
        most = self.predict_proba(X).argmax(1)
        return self.classes_[most]

    def _take(self, model: Model) -> None:
        super()._take(model)
        self.classes_ = model.parts["classes"]


class Classify(PooledTask[ClassifyOptions]):
    """Classification of whole sequences."""

    name = "classify"
    headline = "accuracy"
    limits = (
        "The figures hold for data like those above. The model knows only the classes and, for text, "
        "the words that it was trained on, and its probabilities are not calibrated."
    )
    options = ClassifyOptions
    estimator = Classifier
    known = ("classes", "counts")

    def learn(self, train: Examples) -> dict[str, Any]:
        classes = classes_of(train)
        counts = encode_labels(train, classes).bincount().tolist()
        return {"classes": classes.tolist(), "counts": counts}

    def check_train(self, train: Examples) -> None:
        if len(classes_of(train)) == len(train):
            raise DataError(
                f"{train.source}: expected classes that come more than once, got a different one for each of "
                f"{len(train):,} examples. Check that the right column is taken as the label; for numbers to "
                "be predicted there is the task regress."
            )

    def check_part(self, part: Examples, train: Examples) -> None:
        encode_labels(part, classes_of(train))  # no class that is not in the training data

    def check_parts(self, train: Examples, parts: Mapping[str, Examples], options: ClassifyOptions) -> None:
        super().check_parts(train, parts, options)
        if options.rare_labels == "refuse":
            check_rare(train, parts)

    def hold_out(self, examples: Examples, share: float, seed: int) -> tuple[Examples, Examples | None]:
        return hold_out(examples, share, seed)

    def notes(self, train: Examples, others: Mapping[str, Examples]) -> list[str]:
        return class_notes(train.labels, {name: part.labels for name, part in others.items()})

    def parts_of(self, known: Mapping[str, Any]) -> dict[str, Any]:
        return {"classes": np.array(known["classes"])}

    def outputs(self, known: Mapping[str, Any]) -> int:
        return len(known["classes"])

    def said(self, model: Model, outputs: Tensor) -> tuple[str, int]:
        label = int(outputs.argmax())
        return str(model.parts["classes"][label]), label

    def learner(self, model: Model, splits: Splits[Examples], options: ClassifyOptions) -> ClassifyLearner:
        return ClassifyLearner(model, splits, options)

    def rows(self, model: Model) -> dict[str, list[str]]:
        classes = list(map(str, model.parts["classes"].tolist()))
        return {**super().rows(model), "output.weight": classes, "output.bias": classes}

    def figures(self, model: Model, part: Examples) -> dict[str, Any]:
        classes = model.parts["classes"]
        truth = encode_labels(part, classes).numpy()
        probabilities = probabilities_of(model, part)
        said = probabilities.argmax(1)
        return {**class_figures(truth, said, len(classes)), "loss": log_loss(truth, probabilities)}

    def baselines(self, model: Model, part: Examples, train: Examples | None) -> dict[str, dict[str, Any]]:
        classes = model.parts["classes"]
        truth = encode_labels(part, classes).numpy()
        rules = {"majority": majority_figures(model.about["counts"], truth)}
        if train is not None:
            y = encode_labels(train, classes).numpy()
            rules |= learned_classifiers(train, y, part, truth, len(classes))
        return rules

    def predictions(self, model: Model, part: Examples) -> pl.DataFrame:
        classes = model.parts["classes"]
        probabilities = probabilities_of(model, part)
        columns = row_columns(part) | {"label": classes[probabilities.argmax(1)]}
        return pl.DataFrame(columns | {f"p_{c}": probabilities[:, k] for k, c in enumerate(classes.tolist())})

    def describe(self, figures: Mapping[str, Any], model: Model) -> list[RenderableType]:
        return (
            [confusion_table(figures["confusion"], model.parts["classes"])] if "confusion" in figures else []
        )

    def draw(self, model: Model, splits: Splits[Examples], figures: Mapping[str, Any]) -> dict[str, Figure]:
        if "confusion" not in figures:
            return {}
        return {"confusion.png": draw_confusion(figures["confusion"], model.parts["classes"].tolist())}

    def card(self, model: Model, splits: Splits[Examples], folder: Path) -> tuple[str, str]:
        classes = [str(c) for c in model.parts["classes"].tolist()]
        listed = ", ".join(classes[:20]) + (" …" if len(classes) > 20 else "")
        parts = ", ".join(f"{len(part):,} ({name})" for name, part in splits.parts().items())
        about = f"A label for each sequence: {len(classes)} classes ({listed}). Sequences: {parts}."
        return about, f'import elman\n\nclassifier = elman.load("{folder}")\nclassifier.predict(X)'


TASK = Classify()
