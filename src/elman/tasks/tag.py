"""tag: a label, or several, for each step of a sequence.

Dimensions: N sequences, T_i steps of one, S steps in all, F features, K labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl
import torch
from rich.console import RenderableType
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from elman.data import Sequences, Splits
from elman.data.checks import check_finite
from elman.data.splits import nothing_held
from elman.data.tagged import Tagged, hold_out_sequences, is_roll, to_next
from elman.data.tagged_arrays import tagged_of
from elman.data.tagged_source import read_tagged, read_tagged_file, together
from elman.errors import DataError
from elman.tasks.estimator import Estimator
from elman.tasks.inputs import Inputs, NumberInputs, inputs_from, standardised
from elman.tasks.network import cell_of
from elman.tasks.tagging.baselines import one_label_baselines, several_label_baselines
from elman.tasks.tagging.labels import StepLabels, label_notes
from elman.tasks.tagging.model import beside, coded, counts_of, model_of, said
from elman.tasks.tagging.network import Coded, TagLearner, TagNetwork
from elman.tasks.tagging.options import TagOptions, check_choices
from elman.tasks.task import Answer, Model, More, Task, saved_cell
from elman.tasks.token_inputs import TokenInputs
from elman.train.durable import sha256
from elman.train.metrics import confusion_table
from elman.train.optimizers import LEARNING_RATES
from elman.train.options import from_mapping, to_mapping
from elman.train.step_metrics import label_table, one_label_figures, several_label_figures
from elman.train.step_pictures import draw_labels, draw_roll

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONG = 2_000  # steps from which a sequence is trained in windows unless bptt says otherwise
WINDOW = 200  # steps of those windows
MOST_COLUMNS = 20  # labels up to which predictions have a column of probabilities for each


class Tagger(Estimator):
    """A recurrent tagger of the steps of sequences, by scikit-learn's conventions.

    X is a list of lists of tokens, an array (N, T, F) or a list of arrays (T_i, F). y holds for each
    sequence T_i labels (whole numbers or texts), or an array (T_i, K) of 0 and 1 where a step may have
    several. With target="next" the labels are those of the next step, and y may be left out if X holds 0 and
    1 alone. The parameters are those of `TagOptions` that are not about files, with the same defaults; those
    that are None are chosen from the data (`tagger.model_.about["options"]` says how).

    After `fit`: classes_ (K,), n_iter_ (epochs), history_ (a record for each epoch).
    """

    task_name = "tag"
    options_type = TagOptions
    classes_: np.ndarray

    def fit(self, X: Any, y: Any = None) -> Tagger:
        """Train on X and y; `validation_share` of the sequences is held out to choose the best epoch.

        Raises `ArgumentError` for a bad parameter, `DataError` for bad data, `RunError` if the loss becomes
        NaN.
        """
        options = cast(TagOptions, self.options())
        data = _targeted(tagged_of(X, y), options)
        check_tagged(data)
        train, valid = hold_out_sequences(data, options.validation_share, options.seed)
        self._learn(Splits(train, valid))
        self._take(self.model_)
        return self

    def predict(self, X: Any) -> list[np.ndarray]:
        """For each sequence its labels (T_i,), or (T_i, K) of 0 and 1."""
        data, labels = self._given(X), self.model_.parts["labels"]
        numbers = said(self.model_, data).labels
        flat = numbers if labels.several else labels.named(numbers)
        return _by_sequence(flat, data)

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """For each sequence the probabilities (T_i, K) of its labels, in the order of `classes_`."""
        data = self._given(X)
        return _by_sequence(said(self.model_, data).probabilities, data)

    def score(self, X: Any, y: Any = None) -> float:
        """The share of steps with the right label; with several a step, minus the mean over the steps of the
        negative log-likelihood."""
        check_is_fitted(self, "model_")
        options = from_mapping(TagOptions, self.model_.about["options"], origin="the model")
        data = _targeted(tagged_of(X, y), options)
        check_tagged(data)
        figures = TASK.figures(self.model_, data)
        return -figures["nll"] if self.model_.parts["labels"].several else figures["accuracy"]

    def _given(self, X: Any) -> Tagged:
        check_is_fitted(self, "model_")
        data = tagged_of(X)
        check_tagged(data, labelled=False)
        return data

    def _take(self, model: Model) -> None:
        super()._take(model)
        self.classes_ = np.array(model.parts["labels"].values)


class Tag(Task[TagOptions, Tagged]):
    """Labels for the steps of sequences."""

    name = "tag"
    headline = "accuracy"
    options = TagOptions
    estimator = Tagger

    def read(self, options: TagOptions) -> tuple[Splits[Tagged], TagOptions]:
        cell_of(options)
        read = read_tagged(options.data, options.columns())
        columns, notes = read.columns, list(read.splits.notes)
        parts: dict[str, Tagged | None] = {
            "train": read.splits.train,
            "valid": read.splits.valid,
            "test": read.splits.test,
        }
        for part, file in (("valid", options.valid), ("test", options.test)):
            if file is not None:
                parts[part], part_notes, _ = read_tagged_file(Path(file), columns, what=part)
                notes += part_notes
        options = options.with_columns(columns)
        parts |= together({name: part for name, part in parts.items() if part is not None})
        parts = {name: None if part is None else _targeted(part, options) for name, part in parts.items()}
        for part in parts.values():
            if part is not None:
                check_tagged(part)
        train = cast(Tagged, parts["train"])
        for part, share in (("test", options.test_share), ("valid", options.validation_share)):
            if parts[part] is None:
                before, train, parts[part] = train, *hold_out_sequences(train, share, options.seed)
                if parts[part] is not None:
                    notes.append(_held(part, before, train))
                elif share:
                    notes.append(nothing_held(part, share, len(before), "sequences"))
        notes += label_notes(train, {part: parts[part] for part in ("valid", "test")})
        return Splits(train, parts["valid"], parts["test"], notes=tuple(notes)), options

    def read_more(self, data: str, options: TagOptions, *, labelled: bool) -> More[Tagged]:
        splits = read_tagged(data, options.columns(), labelled=labelled).splits
        part = splits.train if splits.test is None else splits.test
        if labelled:
            part = _targeted(part, options)
        check_tagged(part, labelled=labelled)
        called = f"{data}, its test part" if splits.test is not None else data
        return More(part, called, splits.notes)

    def choose(self, options: TagOptions, splits: Splits[Tagged]) -> TagOptions:
        train = splits.train
        tokens, roll = not isinstance(train.inputs, Sequences), is_roll(train.inputs)
        several = bool(train.names)
        batch_size = options.batch_size or (16 if len(train) >= 2_000 else 8)
        windows = int(train.lengths.max(initial=0)) > LONG and not options.bidirectional
        steps = math.ceil(len(train) / batch_size)
        chosen: dict[str, Any] = {
            "decoder": "sigmoid" if several else "softmax",
            "target": "next" if train.ahead else "same",
            "batch_size": batch_size,
            "epochs": min(max(round(6_000 / steps), 8), 60),
            "learning_rate": LEARNING_RATES[options.optimizer] * (2.5 if several else 0.75),
            "dropout": 0.3 if several else 0.33,
            "bptt": WINDOW if windows else None,
            "bidirectional": not (train.ahead or windows or options.bptt),
        }
        if not tokens:
            chosen["standardize"] = not roll
        options = options.replace(
            **{name: value for name, value in chosen.items() if getattr(options, name) is None}
        )
        check_choices(options, train)
        return options

    def prepare(self, options: TagOptions, splits: Splits[Tagged]) -> tuple[Model, TagLearner]:
        train, valid = splits.train, splits.valid
        labels = StepLabels.of(train, valid, splits.test)
        inputs: Inputs | TokenInputs
        vocabulary, notes = None, ()
        if isinstance(train.inputs, Sequences):
            numbers = train.inputs
            inputs = NumberInputs(numbers.features)
            if options.standardize:
                inputs, notes = standardised(numbers, options.channels)
        else:
            inputs = TokenInputs.train(
                train.inputs,
                lowercase=options.lowercase,
                min_frequency=options.min_frequency,
                max_vocabulary=options.max_vocabulary,
                size=options.embedding_size,
                character_size=options.character_size,
                word_dropout=options.word_dropout,
            )
            vocabulary = inputs.to_json()
        known = coded(train, inputs, labels)
        about = {
            "labels": list(labels.values),
            "several": labels.several,
            "counts": counts_of(known, labels),
            "steps": int(train.lengths.sum()),
            "inputs": inputs.about(),
            "options": to_mapping(options),
            "vocabulary": None if vocabulary is None else sha256(vocabulary.encode()),
        }
        model = model_of(about, vocabulary, inputs, labels, cell_of(options), options)
        model.notes = notes
        return model, self._learner(model, known, valid, options)

    def rows(self, model: Model) -> dict[str, list[str]]:
        inputs, labels = model.parts["inputs"], list(map(str, model.parts["labels"].values))
        crf = ("crf.begin", "crf.transitions", "crf.end")
        rows = dict.fromkeys(("output.weight", "output.bias", *(f"decoder.{name}" for name in crf)), labels)
        if isinstance(inputs, TokenInputs):
            rows["body.input.words.weight"] = inputs.words.listing()
            if inputs.characters is not None:
                rows["body.input.characters.weight"] = inputs.characters.listing()
        return rows

    def learner(self, model: Model, splits: Splits[Tagged], options: TagOptions) -> TagLearner:
        known = coded(splits.train, model.parts["inputs"], model.parts["labels"])
        return self._learner(model, known, splits.valid, options)

    def _learner(self, model: Model, train: Coded, valid: Tagged | None, options: TagOptions) -> TagLearner:
        held = None if valid is None else coded(valid, model.parts["inputs"], model.parts["labels"])
        return TagLearner(cast(TagNetwork, model.module), train, held, options)

    def seen(self, model: Model, batch: Any) -> Tensor | list[list[str]]:
        inputs, read = model.parts["inputs"], batch[0]
        if not isinstance(inputs, TokenInputs):
            return read
        listing = inputs.words.listing()
        words = [listing[word] for word in read.words.tolist()]
        return [[words[place] for place in row] for row in read.place.tolist()]

    def answer(self, model: Model, batch: Any, sequence: int) -> Answer | None:
        """The label of the last step; of several the most probable."""
        x, lengths = batch[0], batch[2]
        if sequence >= len(lengths) or not int(lengths[sequence]):
            return None
        rows = slice(sequence, sequence + 1)
        steps = int(lengths[sequence])
        read = x[:steps, rows] if isinstance(x, Tensor) else x.place[:steps, rows]

        def scores(copies: int) -> Tensor:
            many = read.expand(-1, copies, *read.shape[2:])
            return model.module(many if isinstance(x, Tensor) else x._replace(place=many))[0][-1]

        with torch.no_grad():
            label = int(scores(1).argmax())
        alone = (read if isinstance(x, Tensor) else x._replace(place=read),)
        seen = self.seen(model, alone)
        inputs = seen[:, 0].tolist() if isinstance(seen, Tensor) else [row[0] for row in seen]
        name = model.parts["labels"].values[label]
        return Answer(f"{name} at step {steps}", inputs, lambda copies: scores(copies)[:, label])

    def rebuild(self, about: Mapping[str, Any], vocabulary: str | None) -> Model:
        options = from_mapping(TagOptions, about["options"], origin="the saved options")
        labels = StepLabels(tuple(about["labels"]), about["several"])
        inputs = (
            TokenInputs.saved(about["inputs"], vocabulary or "{}")
            if about["inputs"]["kind"] == "tokens"
            else inputs_from(about["inputs"], None)
        )
        names = ("labels", "several", "counts", "steps", "inputs", "options", "vocabulary")
        plain = {name: about[name] for name in names}
        return model_of(plain, vocabulary, inputs, labels, saved_cell(about), options)

    def figures(self, model: Model, part: Tagged) -> dict[str, Any]:
        labels, answers = model.parts["labels"], said(model, part, labelled=True, chances=False)
        truth = labels.encode(part)
        if labels.several:
            pairs = beside(truth, answers.labels)
            figures = several_label_figures(pairs, part.lengths, labels.values)
        else:
            figures = one_label_figures(truth.flat()[0], answers.labels, part.lengths, labels.values)
        return {"nll": answers.nll, **figures}

    def baselines(self, model: Model, part: Tagged, train: Tagged | None) -> dict[str, dict[str, Any]]:
        labels, about = model.parts["labels"], model.about
        if labels.several:
            return several_label_baselines(part, train, labels, np.array(about["counts"]), about["steps"])
        return one_label_baselines(part, train, labels, np.array(about["counts"]))

    def predictions(self, model: Model, part: Tagged) -> pl.DataFrame:
        labels, answers, lengths = model.parts["labels"], said(model, part), part.lengths
        called = list(part.called or map(str, range(len(part))))
        columns: dict[str, Any] = {
            "sequence": np.repeat(np.array(called), lengths),
            "step": np.concatenate([np.arange(length) for length in lengths.tolist()]),
        }
        if not isinstance(part.inputs, Sequences):
            columns["token"] = list(part.inputs.flat())
        chances = {f"p_{value}": answers.probabilities[:, k] for k, value in enumerate(labels.values)}
        if labels.several:
            names = np.array(labels.values)
            columns["labels"] = [" ".join(names[row > 0]) for row in answers.labels]
            return pl.DataFrame(columns | chances)
        columns["label"] = labels.named(answers.labels)
        columns["p"] = answers.probabilities[np.arange(len(answers.labels)), answers.labels]
        return pl.DataFrame(columns | (chances if len(labels) <= MOST_COLUMNS else {}))

    def describe(self, figures: Mapping[str, Any], model: Model) -> list[RenderableType]:
        tables: list[RenderableType] = [label_table(figures["by_label"])]
        if "confusion" in figures:
            tables.append(confusion_table(figures["confusion"], model.parts["labels"].values))
        return tables

    def draw(self, model: Model, splits: Splits[Tagged], figures: Mapping[str, Any]) -> dict[str, Figure]:
        if not model.parts["labels"].several:
            return {"labels.png": draw_labels(figures["by_label"])}
        part = splits.last
        first = part.select(np.array([int(part.lengths.argmax())]))
        assert first.labels is not None
        picture = draw_roll(first.labels[0], said(model, first).probabilities, first.names)
        return {"labels.png": draw_labels(figures["by_label"]), "roll.png": picture}

    def card(self, model: Model, splits: Splits[Tagged], folder: Path) -> tuple[str, str]:
        labels = [str(value) for value in model.parts["labels"].values]
        listed = ", ".join(labels[:20]) + (" …" if len(labels) > 20 else "")
        kind = "Any of" if model.parts["labels"].several else "One of"
        parts = ", ".join(
            f"{len(part):,} with {int(part.lengths.sum()):,} steps ({name})"
            for name, part in splits.parts().items()
        )
        later = ", the labels being those of the next step" if splits.train.ahead else ""
        about = f"{kind} {len(labels)} labels for each step ({listed}){later}. Sequences: {parts}."
        return about, f'import elman\n\ntagger = elman.load("{folder}")\ntagger.predict(X)'


def _by_sequence(flat: np.ndarray, data: Tagged) -> list[np.ndarray]:
    return np.split(flat, np.cumsum(data.lengths)[:-1])


def _targeted(data: Tagged, options: TagOptions) -> Tagged:
    """The same with the labels of the next step, if those are asked for or all there is."""
    rolls = options.target is None and data.labels is None and is_roll(data.inputs)
    return to_next(data) if rolls or options.target == "next" else data


def _held(part: str, before: Tagged, train: Tagged) -> str:
    if len(before) > 1:
        return f"{part}: {len(before) - len(train):,} of {len(before):,} sequences of the training data"
    steps = int(before.lengths.sum()), int(train.lengths.sum())
    return f"{part}: the last {steps[0] - steps[1]:,} of {steps[0]:,} steps of the training data"


def check_tagged(data: Tagged, *, labelled: bool = True) -> None:
    """Raise `DataError` if there are no steps, a number is not finite, or wanted labels are missing."""
    if len(data) == 0 or int(data.lengths.sum()) == 0:
        raise DataError(f"{data.source}: expected at least one step, got only empty sequences.")
    if isinstance(data.inputs, Sequences):
        check_finite(data.inputs, data.source)
    if labelled and data.labels is None:
        raise DataError(
            f"{data.source}: expected a label for each step, got none. "
            "Rolls (steps of 0 and 1) are learned without labels by target next."
        )


TASK = Tag()
