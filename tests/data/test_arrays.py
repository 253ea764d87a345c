"""Arrays and .npz files: what is read, and what each kind of bad content is answered."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.data.arrays import examples_of, read_npz
from elman.data.checks import check_examples, classes_of, encode_labels
from elman.data.examples import Examples
from elman.data.sequences import Sequences
from elman.errors import DataError

X = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
Y = np.array([0, 1, 1, 0])


def objects(rows: list[Any]) -> np.ndarray:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def steps_of(examples: Examples) -> list[torch.Tensor]:
    assert isinstance(examples.inputs, Sequences)
    return [examples.inputs.batch(torch.tensor([row]))[0][:, 0] for row in range(len(examples))]


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return path


def message(path: Path) -> str:
    with pytest.raises(DataError) as error:
        check_examples(read_npz(path))
    return str(error.value).replace(str(path), "data.npz")


def test_dense_arrays(tmp_path: Path) -> None:
    examples = read_npz(saved(tmp_path, X=X, y=Y))
    assert torch.equal(torch.stack(steps_of(examples)), torch.from_numpy(X))
    assert examples.labels is not None
    assert examples.labels.tolist() == Y.tolist()


@pytest.mark.parametrize("form", ["objects", "flat", "prefix"])
def test_the_three_ragged_forms_agree(tmp_path: Path, form: str) -> None:
    lengths = np.array([5, 2, 4, 1])
    rows = [x[:length] for x, length in zip(X, lengths, strict=True)]
    arrays = {
        "objects": {"X": objects([row.astype(np.float64) for row in rows])},
        "flat": {"X": np.concatenate(rows), "lengths": lengths},
        "prefix": {"X": X, "lengths": lengths},
    }[form]
    for got, row in zip(steps_of(read_npz(saved(tmp_path, **arrays))), rows, strict=True):
        assert torch.equal(got, torch.from_numpy(row))


def test_labels_as_objects(tmp_path: Path) -> None:
    examples = read_npz(saved(tmp_path, X=X, y=objects(["no", "yes", "yes", "no"])))
    assert examples.labels is not None
    assert examples.labels.tolist() == ["no", "yes", "yes", "no"]


class Trap:
    """What a hostile file holds: unpickling it runs a command."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_file_cannot_run_code(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = saved(tmp_path, X=objects([X[0], Trap(mark)]), y=Y[:2])
    assert message(path) == (
        "data.npz: X: expected an object array of plain numpy arrays, got something else (it asks for "
        "posix.mkdir)."
    )
    assert not mark.exists()


def test_no_x(tmp_path: Path) -> None:
    assert message(saved(tmp_path, images=X, y=Y)) == (
        "data.npz: expected the arrays X and y, got images, y. Save with numpy.savez(file, X=X, y=y)."
    )


def test_no_y(tmp_path: Path) -> None:
    expected = "data.npz: expected a label for each example, got none. In an .npz file they are the array y;"
    assert message(saved(tmp_path, X=X)).startswith(expected)


def test_a_missing_file(tmp_path: Path) -> None:
    saved(tmp_path, X=X)
    with pytest.raises(DataError) as error:
        read_npz(tmp_path / "dta.npz")
    assert str(error.value) == (
        f"data: expected a file, got '{tmp_path}/dta.npz', which does not exist. "
        f"Did you mean '{tmp_path}/data.npz'?"
    )


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_npz(tmp_path / "no" / "data.npz")
    assert str(error.value) == (
        f"data: expected a file, got '{tmp_path}/no/data.npz', whose folder '{tmp_path}/no' does not exist."
    )


def test_a_damaged_file(tmp_path: Path) -> None:
    path = saved(tmp_path, X=X, y=Y)
    path.write_bytes(path.read_bytes()[:-40])
    assert message(path).startswith("data.npz: expected an .npz file, got a damaged or different one")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite(tmp_path: Path, bad: float) -> None:
    x = X.copy()
    x[2, 3, 1] = bad
    assert message(saved(tmp_path, X=x, y=Y)) == (
        f"data.npz: expected finite numbers, got {bad} in row 2, step 3, feature 1. "
        "Remove that row or fill in the value first (numpy.nan_to_num)."
    )


def test_a_number_beyond_float32() -> None:
    x = X.astype(np.float64)
    x[1, 0, 0] = 1e300
    with pytest.raises(DataError, match="got inf in row 1, step 0, feature 0"), np.errstate(over="ignore"):
        check_examples(examples_of(x, Y))


def test_large_numbers_whose_sum_overflows_are_fine() -> None:
    check_examples(examples_of(np.full((4, 5, 2), 3e38, dtype=np.float32), Y))


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        (
            {"X": X[:0], "y": Y[:0]},
            "X: expected at least one example, step and feature, got shape (0, 5, 2).",
        ),
        ({"X": X, "y": Y[:3]}, "y: expected one label per sequence (4), got 3 labels."),
        ({"X": X, "y": Y[:, None]}, "y: expected one label per sequence, of shape (4,), got shape (4, 1)."),
        (
            {"X": X[:, :, 0], "y": Y},
            "X: expected an array (sequences, steps, features), got shape (4, 5). One feature a step: "
            "X[:, :, None].",
        ),
        ({"X": X.astype(str), "y": Y}, "X: expected numbers, got the type <U32."),
        ({"X": X, "y": np.array([1j, 0, 1, 0])}, "y: expected numbers or texts, got the type complex128."),
        (
            {"X": X[0], "y": Y[:2], "lengths": np.array([2, 2])},
            "X: expected 4 steps in all, the sum of `lengths`, got 5.",
        ),
        (
            {"X": X, "y": Y, "lengths": np.array([5, 6, 1, 1])},
            "X: expected at most 5 steps, got a length of 6 in row 1.",
        ),
        (
            {"X": X, "y": Y, "lengths": np.array([5, 1])},
            "X: expected one length per sequence (4), got 2 lengths.",
        ),
        (
            {"X": objects([X[0], X[1][:3]]), "y": Y[:2], "lengths": np.array([5, 2])},
            "X: expected 2 steps in row 1, as `lengths` says, got 3.",
        ),
        (
            {"X": X, "y": Y, "lengths": np.array([5, -1, 1, 1])},
            "X: expected `lengths` as whole numbers of 0 or more, one per sequence.",
        ),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, np.ndarray], expected: str) -> None:
    assert message(saved(tmp_path, **arrays)) == f"data.npz: {expected}"


def test_sequences_that_are_all_empty() -> None:
    with pytest.raises(DataError) as error:
        check_examples(examples_of([np.zeros((0, 2)), np.zeros((0, 2))], [0, 1]))
    assert str(error.value) == "X: expected sequences of one step or more, got only empty ones."


def test_one_class() -> None:
    with pytest.raises(DataError) as error:
        classes_of(examples_of(X, [3, 3, 3, 3]))
    assert str(error.value) == (
        "X: expected labels of two classes or more, got only 3. "
        "Check that the right column is taken as the label."
    )


def test_an_unseen_class() -> None:
    with pytest.raises(DataError) as error:
        encode_labels(examples_of(X, ["cat", "dgo", "dog", "dog"]), np.array(["cat", "dog"]))
    assert str(error.value) == (
        "X: row 1 has the class 'dgo', which was not in the training data. "
        "Did you mean 'dog'? Known: 'cat', 'dog'. Correct it, leave the row out, or train on examples of it."
    )


def test_labels_are_numbered_in_the_order_of_the_classes() -> None:
    assert encode_labels(examples_of(X, [7, -1, 7, 3]), np.array([-1, 3, 7])).tolist() == [2, 0, 2, 1]


def test_what_python_passes() -> None:
    assert examples_of(["a b", "c"]).inputs == ["a b", "c"]
    assert examples_of(np.array(["a b", "c"])).inputs == ["a b", "c"]
    assert [len(s) for s in steps_of(examples_of([X[0], X[1][:2]]))] == [5, 2]
    assert [len(s) for s in steps_of(examples_of(torch.from_numpy(X)))] == [5, 5, 5, 5]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ("one text", "X: expected a list of texts, got one text. Write [text]."),
        ([], "X: expected at least one example, got an empty data set."),
        (["a", 3], "X: expected texts, got int in row 1."),
    ],
)
def test_what_python_should_not_pass(x: Any, expected: str) -> None:
    with pytest.raises(DataError) as error:
        examples_of(x)
    assert str(error.value) == expected
