"""Checks of examples, made before any training: what is wrong, in which row, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from elman.data.examples import Examples
from elman.data.sequences import Sequences
from elman.errors import DataError, nearest


def check_examples(examples: Examples, *, labelled: bool = True) -> None:
    """Raise `DataError` if there are no examples, a number is not finite, or wanted labels are missing."""
    if len(examples) == 0:
        raise DataError(f"{examples.source}: expected at least one example, got an empty data set.")
    if isinstance(examples.inputs, Sequences):
        check_finite(examples.inputs, examples.source, first_row=examples.first_row)
        if examples.inputs.longest == 0:
            raise DataError(
                f"{examples.source}: expected sequences of one step or more, got only empty ones."
            )
    elif not any(text.strip() for text in examples.inputs):
        raise DataError(
            f"{examples.source}: expected texts, got only empty ones. "
            "Check that the right column is taken as the text."
        )
    if labelled and examples.labels is None:
        raise DataError(
            f"{examples.source}: expected a label for each example, got none. In an .npz file they are the "
            "array y; those of IDX images stand beside them in a file with labels-idx1 in its name."
        )


def check_finite(sequences: Sequences, source: str, *, first_row: int = 0) -> None:
    """Raise `DataError` that names the row, step and feature of the first NaN or infinity."""
    values = sequences.values
    if not values.is_floating_point() or bool(torch.isfinite(values.sum())):
        return  # a sum is finite only if every term is; where it overflows, the loop below decides
    for row in range(len(sequences)):
        start, length = int(sequences.starts[row]), int(sequences.lengths[row])
        bad = (~torch.isfinite(values[start : start + length])).nonzero()
        if len(bad):
            step, feature = bad[0].tolist()
            raise DataError(
                f"{source}: expected finite numbers, got {values[start + step, feature].item()} "
                f"in row {row + first_row}, step {step}, feature {feature}. "
                "Remove that row or fill in the value first (numpy.nan_to_num)."
            )


def check_lengths(inputs: int, labels: int, source: str) -> None:
    """Raise `DataError` unless there are as many labels as inputs."""
    if inputs != labels:
        raise DataError(f"{source}: expected one label per sequence ({inputs}), got {labels} labels.")


def classes_of(examples: Examples) -> np.ndarray:
    """The classes, sorted; raises `DataError` if there is only one, or a number with a fraction."""
    assert examples.labels is not None
    check_whole(examples.labels, examples.source, first_row=examples.first_row)
    classes = np.unique(examples.labels)
    if len(classes) < 2:
        only = classes[0].item() if isinstance(classes[0], np.generic) else classes[0]
        raise DataError(
            f"{examples.source}: expected labels of two classes or more, got only {only!r}. "
            "Check that the right column is taken as the label."
        )
    return classes


def check_whole(labels: np.ndarray, source: str, *, first_row: int = 0) -> None:
    """Raise `DataError` for labels that are numbers with a fraction, which are no classes."""
    if labels.dtype.kind != "f":
        return
    odd = ~np.isfinite(labels) | (labels != np.round(labels))
    if odd.any():
        row = int(odd.argmax())
        raise DataError(
            f"{source}: expected classes (whole numbers or texts), got {labels[row].item()!r} in row "
            f"{row + first_row}. For numbers of sequences to be predicted there is the task regress."
        )


def numbers_of(examples: Examples) -> np.ndarray:
    """(N,) float64: labels as numbers; raises `DataError` for one that is none, or is not finite."""
    labels = examples.labels
    assert labels is not None
    try:
        numbers = labels.astype(np.float64)
    except ValueError:
        numbers = np.array([_number(label) for label in labels.tolist()])
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(bad.argmax())
        label = labels[row : row + 1].tolist()[0]
        raise DataError(
            f"{examples.source}: expected a finite number for each example, got {label!r} in row "
            f"{row + examples.first_row}. Check that the right column is taken as the label; for classes "
            "there is the task classify."
        )
    return numbers


def _number(label: Any) -> float:
    try:
        return float(label)
    except ValueError:
        return float("nan")


def check_spread(numbers: np.ndarray, source: str) -> None:
    """Raise `DataError` for targets that are all the same."""
    if numbers.min() == numbers.max():
        raise DataError(
            f"{source}: expected targets that differ, got {numbers[0]:g} for every example. "
            "Check that the right column is taken as the label."
        )


def check_rare(train: Examples, parts: Mapping[str, Examples]) -> None:
    """Raise `DataError` for a class with one example in `train`, or with none in one of the other parts."""
    classes, first, counts = np.unique(_labels(train), return_index=True, return_counts=True)
    keep = "or keep what is rare: --rare-labels keep, in Python rare_labels='keep'."
    if (counts == 1).any():
        alone = int((counts == 1).argmax())
        raise DataError(
            f"{train.source}: expected two examples of each class or more, got one of "
            f"{classes[alone : alone + 1].tolist()[0]!r}, in row {first[alone] + train.first_row}. "
            f"Add examples of it, correct the label, leave the row out, {keep}"
        )
    for name, part in parts.items():
        if len(missing := np.setdiff1d(classes, _labels(part))):
            raise DataError(
                f"{part.source}: expected examples of every class in the {name} data, got none of "
                f"{_listed(missing.tolist())}. Add some, name other data, {keep}"
            )


def _labels(examples: Examples) -> np.ndarray:
    assert examples.labels is not None
    return examples.labels


def class_notes(
    train: np.ndarray | None, others: Mapping[str, np.ndarray | None], *, unit: str = "example"
) -> list[str]:
    """What is odd about the classes, to be said: of two kinds, seen once or never in training, or missing
    elsewhere.

    train: (N,) labels of the training data. others: by name, those of the other parts; None where there are
        none. unit: what has one.
    """
    if train is None:
        return []
    classes, counts = np.unique(train, return_counts=True)
    notes = _of_two_kinds(classes)
    if (counts == 1).any():
        notes.append(f"seen once in the training data: {_listed(classes[counts == 1].tolist())}")
    for name, labels in others.items():
        if labels is None:
            continue
        if len(new := np.setdiff1d(labels, classes)):
            notes.append(f"in the {name} data, but not in the training data: {_listed(new.tolist())}")
        if len(missing := np.setdiff1d(classes, labels)):
            notes.append(
                f"no {unit} of {_listed(missing.tolist())} in the {name} data: nothing is known of it there"
            )
    return notes


def _of_two_kinds(classes: np.ndarray) -> list[str]:
    """A note on texts some of which are written as numbers: of lists in JSON both become texts."""
    texts = [value for value in classes.tolist() if isinstance(value, str)]
    numbers = [text for text in texts if text.removeprefix("-").isdecimal()]
    if len(numbers) in (0, len(texts)):
        return []
    other = next(text for text in texts if text not in numbers)
    return [
        f"labels are taken as texts, though some are written as numbers: {_listed(numbers)} beside {other!r}"
    ]


def _listed(classes: Sequence[Any]) -> str:
    return ", ".join(map(repr, classes[:10])) + (" …" if len(classes) > 10 else "")


def encode_labels(examples: Examples, classes: np.ndarray) -> torch.Tensor:
    """(N,) int64: the place of each label in the sorted `classes`; raises `DataError` for an unseen class."""
    labels = examples.labels
    assert labels is not None
    known = {value: place for place, value in enumerate(classes.tolist())}
    different, which = np.unique(labels, return_inverse=True)
    codes = np.array([known.get(label, -1) for label in different.tolist()], dtype=np.int64)[which]
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        label = labels[row : row + 1].tolist()[0]
        listed = ", ".join(repr(value) for value in classes.tolist()[:20])
        hint = nearest(label, classes.tolist()) if isinstance(label, str) else ""
        raise DataError(
            f"{examples.source}: row {row + examples.first_row} has the class {label!r}, "
            f"which was not in the training data.{hint} Known: {listed}{' …' if len(classes) > 20 else ''}. "
            "Correct it, leave the row out, or train on examples of it."
        )
    return torch.from_numpy(codes)
