"""A task that answers once for a whole sequence: reading, choosing, building; the estimator beside it.

What the answers are, such as classes, is for a subclass.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from elman.data import Examples, Sequences, Splits, Vocabulary
from elman.data.arrays import examples_of
from elman.data.checks import check_examples
from elman.data.source import read_file, read_source
from elman.data.splits import nothing_held
from elman.data.text_store import StoredTexts
from elman.tasks.estimator import Estimator
from elman.tasks.inputs import Inputs, NumberInputs, TextInputs, inputs_from, standardised
from elman.tasks.network import cell_of
from elman.tasks.pooled.defaults import chosen_options
from elman.tasks.pooled.learner import PooledLearner
from elman.tasks.pooled.network import SequenceNetwork, check_network
from elman.tasks.pooled.options import P, PooledOptions, columns_of, settings_of, with_columns
from elman.tasks.pooled.vectors import take_vectors
from elman.tasks.task import Answer, Model, More, Task, saved_cell
from elman.train.durable import sha256
from elman.train.options import from_mapping, to_mapping


class PooledTask(Task[P, Examples]):
    """What classify and regress share."""

    known: ClassVar[tuple[str, ...]]  # names of what `learn` gives

    @abstractmethod
    def learn(self, train: Examples) -> dict[str, Any]:
        """What the training data say of the answers, as plain values; raises `DataError` for bad ones."""

    def check_train(self, train: Examples) -> None:
        """Raise `DataError` for answers that cannot be learned; the training data are still whole."""
        self.learn(train)

    @abstractmethod
    def check_part(self, part: Examples, train: Examples) -> None:
        """Raise `DataError` for answers of another part that do not go with those of the training data."""

    def check_parts(self, train: Examples, parts: Mapping[str, Examples], options: P) -> None:
        """`check_part` of all that came by themselves; nothing is held out of the training data yet."""
        for part in parts.values():
            self.check_part(part, train)

    @abstractmethod
    def hold_out(self, examples: Examples, share: float, seed: int) -> tuple[Examples, Examples | None]:
        """Examples to keep and those held out; None if the share comes to nothing."""

    @abstractmethod
    def notes(self, train: Examples, others: Mapping[str, Examples]) -> list[str]:
        """What is odd about the answers, to be said."""

    @abstractmethod
    def parts_of(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """What `learn` gave, as the objects that the task uses."""

    @abstractmethod
    def outputs(self, known: Mapping[str, Any]) -> int:
        """How many numbers the network gives out."""

    @abstractmethod
    def said(self, model: Model, outputs: Tensor) -> tuple[str, int]:
        """(the answer that outputs (K,) stand for, which of them is its score)."""

    @abstractmethod
    def learner(self, model: Model, splits: Splits[Examples], options: P) -> PooledLearner:
        """What the loop sees of the model."""

    def read(self, options: P) -> tuple[Splits[Examples], P]:
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
        self.check_train(train)
        notes += _empty_notes({"train": train, **parts})
        given = {name: part for name, part in parts.items() if part is not None}
        self.check_parts(train, given, options)
        for part, share in (("test", options.test_share), ("valid", options.validation_share)):
            if parts[part] is None:
                before = len(train)
                train, parts[part] = self.hold_out(train, share, options.seed)
                if parts[part] is not None:
                    notes.append(
                        f"{part}: {before - len(train):,} of {before:,} examples of the training data"
                    )
                elif share:
                    notes.append(nothing_held(part, share, before, "examples"))
        notes += self.notes(train, {name: part for name, part in parts.items() if part is not None})
        return Splits(train, parts["valid"], parts["test"], splits.scaled, tuple(notes)), options

    def read_more(self, data: str, options: P, *, labelled: bool) -> More[Examples]:
        splits = read_source(data, columns_of(options), settings_of(options), labelled=labelled)
        examples = splits.test or splits.train
        check_examples(examples, labelled=labelled)
        called = f"{data}, its test part" if splits.test is not None else data
        return More(examples, called, splits.notes)

    def choose(self, options: P, splits: Splits[Examples]) -> P:
        check_network(options)
        chosen = chosen_options(options, splits)
        options = options.replace(
            **{name: value for name, value in chosen.items() if getattr(options, name) is None}
        )
        check_network(options)
        return options

    def prepare(self, options: P, splits: Splits[Examples]) -> tuple[Model, Any]:
        known = self.learn(splits.train)
        inputs, vocabulary, notes = self._inputs(options, splits.train)
        cell = cell_of(options)
        module = SequenceNetwork(inputs, cell, options, self.outputs(known))
        about = {**known, "inputs": inputs.about(), "options": to_mapping(options)}
        about["vocabulary"] = None if vocabulary is None else sha256(vocabulary.encode())
        parts = {**self.parts_of(known), "inputs": inputs, "cell": cell, "options": options}
        model = Model(module, about, vocabulary, parts, notes)
        if isinstance(inputs, TextInputs) and options.word_vectors is not None:
            assert isinstance(module.body.input, nn.Embedding)
            model.notes += (take_vectors(module.body.input, inputs, Path(options.word_vectors)),)
        learner = self.learner(model, splits, options)
        if options.batches == "mixed" and not learner.train.x.uniform:
            model.notes += (learner.mixed(),)
        return model, learner

    def rebuild(self, about: Mapping[str, Any], vocabulary: str | None) -> Model:
        options = from_mapping(self.options, about["options"], origin="the saved options")
        inputs, cell = inputs_from(about["inputs"], vocabulary), saved_cell(about)
        plain = {name: about[name] for name in (*self.known, "inputs", "options", "vocabulary")}
        module = SequenceNetwork(inputs, cell, options, self.outputs(plain))
        parts = {**self.parts_of(plain), "inputs": inputs, "cell": cell, "options": options}
        return Model(module, plain, vocabulary, parts)

    def rows(self, model: Model) -> dict[str, list[str]]:
        inputs = model.parts["inputs"]
        return {"body.input.weight": inputs.vocabulary.listing()} if isinstance(inputs, TextInputs) else {}

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
            text, place = self.said(model, model.module(alone)[0])
        seen = self.seen(model, (alone,))
        inputs = seen[:, 0].tolist() if isinstance(seen, Tensor) else [row[0] for row in seen]

        def score(copies: int) -> Tensor:
            return model.module(alone.expand(-1, copies, *alone.shape[2:]))[:, place]

        return Answer(text, inputs, score)

    def _inputs(self, options: P, train: Examples) -> tuple[Inputs, str | None, tuple[str, ...]]:
        """What the network reads, the vocabulary as JSON where that is text, and what is to be said of it."""
        if isinstance(train.inputs, Sequences):
            if not options.standardize:
                return NumberInputs(train.inputs.features), None, ()
            inputs, notes = standardised(train.inputs, options.channels)
            return inputs, None, notes
        words = Vocabulary.train(
            train.inputs,
            tokens=options.tokens or "words",
            lowercase=options.lowercase,
            min_frequency=options.min_frequency,
            max_size=options.max_vocabulary,
        )
        assert options.embedding_size is not None
        return TextInputs(words, options.embedding_size), words.to_json(), ()


def row_columns(part: Examples) -> dict[str, Any]:
    """The columns that say which example a row of predictions is of."""
    rows = np.arange(part.first_row, part.first_row + len(part))
    return {"row": rows} | ({} if part.names is None else {"name": part.names})


class PooledEstimator(Estimator):
    """Base of the estimators of these tasks."""

    def fit(self, X: Any, y: Any) -> Any:
        """Train on X and y; `validation_share` of them is held out to choose the best epoch.

        Raises `ArgumentError` for a bad parameter, `DataError` for bad data, `RunError` if the loss becomes
        NaN.
        """
        options = cast(PooledOptions, self.options())
        task = cast("PooledTask[PooledOptions]", self._task)
        examples = examples_of(X, y)
        check_examples(examples)
        task.learn(examples)
        task.check_parts(examples, {}, options)
        train, valid = task.hold_out(examples, options.validation_share, options.seed)
        self._learn(Splits(train, valid))
        self._take(self.model_)
        return self

    def _take(self, model: Model) -> None:
        super()._take(model)
        inputs = model.parts["inputs"]
        if isinstance(inputs, NumberInputs):
            self.n_features_in_ = inputs.features

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags


def _empty_notes(parts: Mapping[str, Examples | None]) -> list[str]:
    """How many texts have nothing in them, to be said."""
    notes = []
    for name, part in parts.items():
        if part is not None and isinstance(part.inputs, StoredTexts) and part.inputs.empty:
            notes.append(f"{name}: {part.inputs.empty:,} of {len(part):,} texts are empty")
    return notes
