"""classify: a label for each sequence.

Dimensions: N sequences, K classes.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import torch
from rich.console import RenderableType
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F

from elman.data import Examples, Sequences, Splits, Vocabulary
from elman.data.arrays import examples_of
from elman.data.batches import padding_share, shuffled_batches, sorted_batches
from elman.data.checks import check_examples, classes_of, encode_labels
from elman.data.columns import Columns
from elman.data.source import read_file, read_source
from elman.data.splits import hold_out
from elman.data.tokens import TOKENS
from elman.tasks.estimator import Estimator
from elman.tasks.inputs import Inputs, NumberInputs, TextInputs, inputs_from, standardised
from elman.tasks.network import POOLS, SequenceNetwork, cell_of
from elman.tasks.task import Model, Task, saved_cell
from elman.train.durable import sha256
from elman.train.learner import Learner, Step
from elman.train.metrics import class_figures, confusion_table, log_loss, majority_figures
from elman.train.optimizers import LEARNING_RATES
from elman.train.options import TrainOptions, choice, flag, from_mapping, text, to_mapping, whole

SMALL = 10_000  # training examples below which the defaults guard against overfitting


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(TrainOptions):
    """The options of classify."""

    pooling: str | None = choice(None, tuple(POOLS))
    """What of the steps is read: last, mean or max. Chosen unless given: max for texts, last for numbers."""
    standardize: bool | None = flag(None)
    """Bring each feature of numbers to mean 0 and deviation 1. Unless given: not in named data sets."""
    tokens: str | None = choice(None, TOKENS)
    """What a text is cut into. Unless given: words, but characters where texts are single words."""
    lowercase: bool = flag(True)
    """Take capital letters as small ones."""
    min_frequency: int = whole(2, low=1, unit="times")
    """Tokens seen less often in the training data count as unknown."""
    max_vocabulary: int = whole(50_000, low=3, unit="tokens")
    """Only so many tokens are kept, the most frequent first."""
    embedding_size: int = whole(128, low=1, unit="features")
    """Features of a token's embedding."""
    text_column: str | None = text(python=False)
    """Column of the text, by name or by number from 1. Found unless given."""
    label_column: str | None = text(python=False)
    """Column of the label, by name or by number from 1. Found unless given."""
    header: str = choice("auto", ("auto", "yes", "no"), python=False)
    """Whether the first row of a table names the columns."""


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
        return _probabilities(self.model_, examples)

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


class ClassifyLearner(Learner):
    """Cross-entropy on batches by length; see `elman.train.learner.Learner`."""

    headline = "accuracy"

    def __init__(self, model: Model, splits: Splits[Examples], options: ClassifyOptions) -> None:
        self.module = model.module
        inputs, classes = model.parts["inputs"], model.parts["classes"]
        self.train = _coded(splits.train, inputs, classes)
        self.valid = None if splits.valid is None else _coded(splits.valid, inputs, classes)
        assert options.batch_size is not None
        self.batch_size, self.seed = options.batch_size, options.seed

    def fingerprint(self) -> str:
        """Of the training and validation data."""
        code = 0
        for part in (self.train, self.valid):
            for tensor in () if part is None else (part.x.values, part.x.starts, part.x.lengths, part.y):
                code = zlib.crc32(tensor.numpy().data, code)
        return f"{code:08x}"

    def to(self, device: torch.device) -> None:
        self.train = self.train.to(device)
        self.valid = None if self.valid is None else self.valid.to(device)

    def batches(self, epoch: int) -> Sequence[Tensor]:
        return shuffled_batches(self.train.x.lengths.cpu(), self.batch_size, self.seed, epoch)

    def fetch(self, batch: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        rows = batch.to(self.train.y.device)
        return *self.train.x.batch(rows), self.train.y[rows]

    def step(self, module: nn.Module, batch: tuple[Tensor, Tensor | None, Tensor]) -> Step:
        x, lengths, y = batch
        logits = module(x, lengths)
        hits = (logits.detach().argmax(1) == y).sum()
        return Step(F.cross_entropy(logits, y), len(y), {"accuracy": hits}, len(y))

    def validate(self, module: nn.Module) -> dict[str, float]:
        if self.valid is None:
            return {}
        logits = _logits(module, self.valid.x).to(self.valid.y.device)
        loss = F.cross_entropy(logits, self.valid.y).item()
        return {"loss": loss, "accuracy": (logits.argmax(1) == self.valid.y).float().mean().item()}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """By accuracy; without validation data the last epoch, which has seen the most, is the best."""
        return (valid["accuracy"] if valid else 0.0,)

    def padding(self, batches: Sequence[Tensor]) -> float:
        return padding_share(self.train.x.lengths.cpu(), batches)


@dataclass(frozen=True)
class _Coded:
    """Sequences x with the numbers y (N,) of their classes."""

    x: Sequences
    y: Tensor

    def to(self, device: torch.device) -> _Coded:
        return _Coded(self.x.to(device), self.y.to(device))


def _coded(examples: Examples, inputs: Inputs, classes: np.ndarray) -> _Coded:
    return _Coded(inputs.encode(examples.inputs, examples.source), encode_labels(examples, classes))


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
        columns = Columns(options.text_column, options.label_column, options.header)
        splits = read_source(options.data, columns)
        columns = splits.columns or columns
        options = options.replace(text_column=columns.text, label_column=columns.label, header=columns.header)
        notes, train = list(splits.notes), splits.train
        parts = {"valid": splits.valid, "test": splits.test}
        for part, file in (("valid", options.valid), ("test", options.test)):
            if file is not None:
                parts[part], part_notes, _ = read_file(Path(file), columns, what=part)
                notes += part_notes
        for examples in (train, *parts.values()):
            if examples is not None:
                check_examples(examples)
        classes_of(train)
        for part, share in (("test", options.test_share), ("valid", options.validation_share)):
            if parts[part] is None:
                before = len(train)
                train, parts[part] = hold_out(train, share, options.seed)
                if parts[part] is not None:
                    notes.append(
                        f"{part}: {before - len(train):,} of {before:,} examples of the training data"
                    )
        return Splits(train, parts["valid"], parts["test"], splits.scaled, tuple(notes)), options

    def read_more(self, data: str, options: ClassifyOptions, *, labelled: bool) -> tuple[Examples, str]:
        columns = Columns(options.text_column, options.label_column, options.header)
        splits = read_source(data, columns, labelled=labelled)
        examples = splits.test or splits.train
        check_examples(examples, labelled=labelled)
        return examples, f"{data}, its test part" if splits.test is not None else data

    def choose(self, options: ClassifyOptions, splits: Splits[Examples]) -> ClassifyOptions:
        count, texts = len(splits.train), not isinstance(splits.train.inputs, Sequences)
        small = count < SMALL
        plain = options.cell == "rnn"  # without gates it needs more and smaller steps, and underfits sooner
        batch_size = options.batch_size or (32 if count < 16_000 or plain else 64)
        chosen: dict[str, Any] = {
            "batch_size": batch_size,
            "epochs": min(max(round(2_000 / math.ceil(count / batch_size)), 8), 40),
            "learning_rate": LEARNING_RATES[options.optimizer] * (0.5 if plain else 1.0),
            "dropout": 0.5 if texts else 0.0 if plain and not small else 0.3,
            "bidirectional": texts or small,
            "pooling": "max" if texts else "last",
        }
        if texts:
            chosen["tokens"] = _tokens_for(cast("list[str]", splits.train.inputs))
        else:
            chosen["standardize"] = not splits.scaled
        return options.replace(
            **{name: value for name, value in chosen.items() if getattr(options, name) is None}
        )

    def prepare(self, options: ClassifyOptions, splits: Splits[Examples]) -> tuple[Model, ClassifyLearner]:
        classes = classes_of(splits.train)
        inputs: Inputs
        vocabulary = None
        if isinstance(splits.train.inputs, Sequences):
            features = splits.train.inputs.features
            inputs = standardised(splits.train.inputs) if options.standardize else NumberInputs(features)
        else:
            words = Vocabulary.train(
                splits.train.inputs,
                tokens=options.tokens or "words",
                lowercase=options.lowercase,
                min_frequency=options.min_frequency,
                max_size=options.max_vocabulary,
            )
            inputs, vocabulary = TextInputs(words, options.embedding_size), words.to_json()
        cell = cell_of(options)
        module = SequenceNetwork(inputs, cell, options, options.pooling or "last", len(classes))
        about = {"classes": classes.tolist(), "inputs": inputs.about(), "options": to_mapping(options)}
        about["counts"] = encode_labels(splits.train, classes).bincount().tolist()
        about["vocabulary"] = None if vocabulary is None else sha256(vocabulary.encode())
        model = Model(module, about, vocabulary, {"classes": classes, "inputs": inputs, "cell": cell})
        return model, ClassifyLearner(model, splits, options)

    def rebuild(self, about: Mapping[str, Any], vocabulary: str | None) -> Model:
        options = from_mapping(ClassifyOptions, about["options"], origin="the saved options")
        inputs, classes = inputs_from(about["inputs"], vocabulary), np.array(about["classes"])
        cell = saved_cell(about)
        module = SequenceNetwork(inputs, cell, options, options.pooling or "last", len(classes))
        plain = {name: about[name] for name in ("classes", "counts", "inputs", "options", "vocabulary")}
        return Model(module, plain, vocabulary, {"classes": classes, "inputs": inputs, "cell": cell})

    def figures(self, model: Model, part: Examples) -> dict[str, Any]:
        classes = model.parts["classes"]
        truth = encode_labels(part, classes).numpy()
        probabilities = _probabilities(model, part)
        said = probabilities.argmax(1)
        return {**class_figures(truth, said, len(classes)), "loss": log_loss(truth, probabilities)}

    def baselines(self, model: Model, part: Examples, train: Examples | None) -> dict[str, dict[str, Any]]:
        truth = encode_labels(part, model.parts["classes"]).numpy()
        return {"majority": majority_figures(model.about["counts"], truth)}

    def predictions(self, model: Model, part: Examples) -> pl.DataFrame:
        classes = model.parts["classes"]
        probabilities = _probabilities(model, part)
        rows = np.arange(part.first_row, part.first_row + len(part))
        columns = {"row": rows, "label": classes[probabilities.argmax(1)]}
        return pl.DataFrame(columns | {f"p_{c}": probabilities[:, k] for k, c in enumerate(classes.tolist())})

    def describe(self, figures: Mapping[str, Any], model: Model) -> list[RenderableType]:
        return (
            [confusion_table(figures["confusion"], model.parts["classes"])] if "confusion" in figures else []
        )

    def card(self, model: Model, splits: Splits[Examples], folder: Path) -> tuple[str, str]:
        classes = [str(c) for c in model.parts["classes"].tolist()]
        listed = ", ".join(classes[:20]) + (" …" if len(classes) > 20 else "")
        parts = ", ".join(f"{len(part):,} ({name})" for name, part in splits.parts().items())
        about = f"A label for each sequence: {len(classes)} classes ({listed}). Sequences: {parts}."
        return about, f'import elman\n\nclassifier = elman.load("{folder}")\nclassifier.predict(X)'


def _probabilities(model: Model, examples: Examples) -> np.ndarray:
    """(N, K) float64 that sum to 1."""
    x = model.parts["inputs"].encode(examples.inputs, examples.source)
    module = model.module
    module.eval()
    with torch.inference_mode():
        logits = _logits(module, x.to(next(module.parameters()).device))
    return logits.double().softmax(1).cpu().numpy()


def _logits(module: nn.Module, x: Sequences) -> Tensor:
    """(N, K), in large batches by length."""
    batches = sorted_batches(x.lengths.cpu())
    computed = [module(*x.batch(rows.to(x.values.device))) for rows in batches]
    logits = torch.empty(len(x), computed[0].shape[1], dtype=computed[0].dtype, device=computed[0].device)
    for rows, part in zip(batches, computed, strict=True):
        logits[rows.to(logits.device)] = part
    return logits


def _tokens_for(texts: list[str]) -> str:
    words = sum(len(text.split()) for text in texts)
    return "characters" if words < 1.5 * len(texts) else "words"


TASK = Classify()
