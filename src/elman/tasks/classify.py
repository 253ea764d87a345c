"""classify: a label for each sequence.

Dimensions: N sequences, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
import torch
from rich.console import RenderableType
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from elman.data import Examples, Sequences, Splits, Vocabulary
from elman.data.arrays import examples_of
from elman.data.checks import check_examples, class_notes, classes_of, encode_labels
from elman.data.source import read_file, read_source
from elman.data.splits import hold_out, nothing_held
from elman.data.text_store import StoredTexts
from elman.errors import DataError
from elman.tasks.classifying.baselines import learned_rules
from elman.tasks.classifying.defaults import chosen_options
from elman.tasks.classifying.learner import ClassifyLearner, probabilities_of
from elman.tasks.classifying.network import SequenceNetwork, check_network
from elman.tasks.classifying.options import ClassifyOptions, columns_of, settings_of, with_columns
from elman.tasks.classifying.vectors import take_vectors
from elman.tasks.estimator import Estimator
from elman.tasks.inputs import Inputs, NumberInputs, TextInputs, inputs_from, standardised
from elman.tasks.network import cell_of
from elman.tasks.task import Answer, Model, Task, saved_cell
from elman.train.durable import sha256
from elman.train.metrics import class_figures, confusion_table, log_loss, majority_figures
from elman.train.options import from_mapping, to_mapping
from elman.train.picture import draw_confusion

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Classifier(ClassifierMixin, Estimator):
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

    def fit(self, X: Any, y: Any) -> Classifier:
        """Train on X and y; `validation_share` of them is held out to choose the best epoch.

        Raises `ArgumentError` for a bad parameter, `DataError` for bad data, `RunError` if the loss becomes
        NaN.
        """
        options = cast(ClassifyOptions, self.options())
        examples = examples_of(X, y)
        check_examples(examples)
        classes_of(examples)
        train, valid = hold_out(examples, options.validation_share, options.seed)
        self._learn(Splits(train, valid))
        self._take(self.model_)
        return self

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
        inputs = model.parts["inputs"]
        if isinstance(inputs, NumberInputs):
            self.n_features_in_ = inputs.features

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags


class Classify(Task[ClassifyOptions, Examples]):
    """Classification of whole sequences."""

    name = "classify"
    headline = "accuracy"
    limits = (
        "The figures hold for data like those above. The model knows only the classes and, for text, "
        "the words that it was trained on, and its probabilities are not calibrated."
    )
    options = ClassifyOptions
    estimator = Classifier

    def read(self, options: ClassifyOptions) -> tuple[Splits[Examples], ClassifyOptions]:
        cell_of(options)
        check_network(options)
        splits = read_source(options.data, columns_of(options), settings_of(options))
        options = with_columns(options, splits.columns or columns_of(options))
        options = options.replace(sampling_rate=splits.train.rate or options.sampling_rate)
        notes, train = list(splits.notes), splits.train
        parts = {"valid": splits.valid, "test": splits.test}
        for part, file in (("valid", options.valid), ("test", options.test)):
            if file is not None:
                columns, settings = columns_of(options), settings_of(options)
                parts[part], part_notes, _ = read_file(Path(file), columns, settings, what=part)
                notes += part_notes
        for examples in (train, *parts.values()):
            if examples is not None:
                check_examples(examples)
        classes = classes_of(train)
        if len(classes) == len(train):
            raise DataError(
                f"{train.source}: expected classes that come more than once, got a different one for each of "
                f"{len(train):,} examples. Check that the right column is taken as the label."
            )
        notes += _empty_notes({"train": train, **parts})
        for examples in parts.values():
            if examples is not None:
                encode_labels(examples, classes)  # no class that is not in the training data
        for part, share in (("test", options.test_share), ("valid", options.validation_share)):
            if parts[part] is None:
                before = len(train)
                train, parts[part] = hold_out(train, share, options.seed)
                if parts[part] is not None:
                    notes.append(
                        f"{part}: {before - len(train):,} of {before:,} examples of the training data"
                    )
                elif share:
                    notes.append(nothing_held(part, share, before, "examples"))
        held = {name: part.labels for name, part in parts.items() if part is not None}
        notes += class_notes(train.labels, held)
        return Splits(train, parts["valid"], parts["test"], splits.scaled, tuple(notes)), options

    def read_more(self, data: str, options: ClassifyOptions, *, labelled: bool) -> tuple[Examples, str]:
        splits = read_source(data, columns_of(options), settings_of(options), labelled=labelled)
        examples = splits.test or splits.train
        check_examples(examples, labelled=labelled)
        called = f"{data}, its test part" if splits.test is not None else data
        return examples, "; ".join([called, *(splits.notes if options.skip_bad else ())])

    def choose(self, options: ClassifyOptions, splits: Splits[Examples]) -> ClassifyOptions:
        check_network(options)
        chosen = chosen_options(options, splits)
        options = options.replace(
            **{name: value for name, value in chosen.items() if getattr(options, name) is None}
        )
        check_network(options)
        return options

    def prepare(self, options: ClassifyOptions, splits: Splits[Examples]) -> tuple[Model, ClassifyLearner]:
        classes = classes_of(splits.train)
        inputs, vocabulary = self._inputs(options, splits.train)
        cell = cell_of(options)
        module = SequenceNetwork(inputs, cell, options, len(classes))
        about = {"classes": classes.tolist(), "inputs": inputs.about(), "options": to_mapping(options)}
        about["counts"] = encode_labels(splits.train, classes).bincount().tolist()
        about["vocabulary"] = None if vocabulary is None else sha256(vocabulary.encode())
        parts = {"classes": classes, "inputs": inputs, "cell": cell, "options": options}
        model = Model(module, about, vocabulary, parts)
        if isinstance(inputs, TextInputs) and options.word_vectors is not None:
            assert isinstance(module.body.input, nn.Embedding)
            model.notes += (take_vectors(module.body.input, inputs, Path(options.word_vectors)),)
        return model, self.learner(model, splits, options)

    def rows(self, model: Model) -> dict[str, list[str]]:
        inputs, classes = model.parts["inputs"], list(map(str, model.parts["classes"].tolist()))
        words = {"body.input.weight": inputs.vocabulary.listing()} if isinstance(inputs, TextInputs) else {}
        return {**words, "output.weight": classes, "output.bias": classes}

    def learner(self, model: Model, splits: Splits[Examples], options: ClassifyOptions) -> ClassifyLearner:
        return ClassifyLearner(model, splits, options)

    def seen(self, model: Model, batch: Any) -> Tensor | list[list[str]]:
        inputs = model.parts["inputs"]
        if not isinstance(inputs, TextInputs):
            return batch[0]
        listing = inputs.vocabulary.listing()
        return [[listing[token] for token in row] for row in batch[0].tolist()]

    def answer(self, model: Model, batch: Any, sequence: int) -> Answer | None:
        x, lengths, _ = batch
        if sequence >= x.shape[1]:
            return None
        alone = x[: len(x) if lengths is None else int(lengths[sequence]), sequence : sequence + 1]
        with torch.no_grad():
            label = int(model.module(alone).argmax())
        seen = self.seen(model, (alone,))
        inputs = seen[:, 0].tolist() if isinstance(seen, Tensor) else [row[0] for row in seen]

        def score(copies: int) -> Tensor:
            return model.module(alone.expand(-1, copies, *alone.shape[2:]))[:, label]

        return Answer(str(model.parts["classes"][label]), inputs, score)

    def _inputs(self, options: ClassifyOptions, train: Examples) -> tuple[Inputs, str | None]:
        """What the network reads, and the vocabulary as JSON where that is text."""
        if isinstance(train.inputs, Sequences):
            features = train.inputs.features
            return (standardised(train.inputs) if options.standardize else NumberInputs(features)), None
        words = Vocabulary.train(
            train.inputs,
            tokens=options.tokens or "words",
            lowercase=options.lowercase,
            min_frequency=options.min_frequency,
            max_size=options.max_vocabulary,
        )
        assert options.embedding_size is not None
        return TextInputs(words, options.embedding_size), words.to_json()

    def rebuild(self, about: Mapping[str, Any], vocabulary: str | None) -> Model:
        options = from_mapping(ClassifyOptions, about["options"], origin="the saved options")
        inputs, classes = inputs_from(about["inputs"], vocabulary), np.array(about["classes"])
        cell = saved_cell(about)
        module = SequenceNetwork(inputs, cell, options, len(classes))
        plain = {name: about[name] for name in ("classes", "counts", "inputs", "options", "vocabulary")}
        parts = {"classes": classes, "inputs": inputs, "cell": cell, "options": options}
        return Model(module, plain, vocabulary, parts)

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
            rules |= learned_rules(train, y, part, truth, len(classes))
        return rules

    def predictions(self, model: Model, part: Examples) -> pl.DataFrame:
        classes = model.parts["classes"]
        probabilities = probabilities_of(model, part)
        rows = np.arange(part.first_row, part.first_row + len(part))
        columns = {"row": rows} | ({} if part.names is None else {"name": part.names})
        columns |= {"label": classes[probabilities.argmax(1)]}
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


def _empty_notes(parts: Mapping[str, Examples | None]) -> list[str]:
    """How many texts have nothing in them, to be said."""
    notes = []
    for name, part in parts.items():
        if part is not None and isinstance(part.inputs, StoredTexts) and part.inputs.empty:
            notes.append(f"{name}: {part.inputs.empty:,} of {len(part):,} texts are empty")
    return notes


TASK = Classify()
