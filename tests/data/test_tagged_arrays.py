"""Arrays with labels for steps in .npz files; large ones are mapped from disk, with what small ones hold."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data import Sequences, npz, sequences, spilled
from elman.data.steps import Steps
from elman.data.tagged import to_next
from elman.data.tagged_arrays import read_tagged_npz
from elman.errors import DataError

GENERATOR = np.random.default_rng(3)
LENGTHS = np.arange(60) % 8  # of the 7 steps that there are at most; some sequences have none
X = GENERATOR.normal(size=(60, 7, 5))
Y = GENERATOR.integers(-2, 300, size=(60, 7))
ROLLS = GENERATOR.integers(0, 2, size=(60, 7, 5)).astype(np.uint8)
STEPS = int(LENGTHS.sum())
FORMS: dict[str, dict[str, Any]] = {
    "a label a step": {"X": X, "y": Y},
    "with lengths": {"X": X, "y": Y, "lengths": LENGTHS},
    "texts": {"X": X, "y": Y.astype(str), "lengths": LENGTHS},
    "one after the other": {"X": X.reshape(-1, 5)[:STEPS], "y": Y.ravel()[:STEPS], "lengths": LENGTHS},
    "one long sequence": {"X": X.reshape(1, -1, 5), "y": Y.reshape(1, -1)},
    "rolls": {"X": ROLLS, "y": ROLLS[:, :, :3]},
    "rolls with lengths": {"X": ROLLS, "y": ROLLS[:, :, :3], "lengths": LENGTHS},
    "rolls one after the other": {
        "X": ROLLS.reshape(-1, 5)[:STEPS],
        "y": ROLLS.reshape(-1, 5)[:STEPS, :4],
        "lengths": LENGTHS,
    },
    "columns first": {"X": np.asfortranarray(X), "y": np.asfortranarray(ROLLS[:, :, :2])},
    "columns first with lengths": {"X": np.asfortranarray(X), "y": np.asfortranarray(Y), "lengths": LENGTHS},
}


def expected(rows: np.ndarray, lengths: np.ndarray | None) -> list[list[Any]]:
    """What a plain loop cuts out of the arrays."""
    if lengths is None:
        return [row.tolist() for row in rows]
    ends = np.cumsum(lengths)
    flat = len(rows) == ends[-1]
    cut = (
        rows[e - n : e] if flat else rows[k, :n] for k, (e, n) in enumerate(zip(ends, lengths, strict=True))
    )
    return [row.tolist() for row in cut]


def test_an_npz_file(tmp_path: Path) -> None:
    x, y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 1, 0, 2])
    np.savez(tmp_path / "a.npz", X=x, y=y, lengths=[3, 2])
    data = read_tagged_npz(tmp_path / "a.npz")
    assert [row.tolist() for row in data.inputs] == [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9]]]
    assert data.labels is not None
    assert [row.tolist() for row in data.labels] == [[0, 1, 1], [0, 2]]
    roll = np.eye(2)[[0, 1, 0, 1]].reshape(2, 2, 2)
    np.savez(tmp_path / "b.npz", X=roll, y=roll, names=["low", "high"])
    data = read_tagged_npz(tmp_path / "b.npz")
    assert data.names == ("low", "high")
    assert data.labels is not None
    assert data.labels[1].tolist() == [[1, 0], [0, 1]]
    np.savez(tmp_path / "c.npz", X=roll, y=roll, names=["low"])
    with pytest.raises(DataError, match="expected 2 names, one for each label, got 1"):
        read_tagged_npz(tmp_path / "c.npz")


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_each_form(form: str, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, path = FORMS[form], tmp_path / "tagged.npz"
    np.savez_compressed(path, **held)
    if large:
        monkeypatch.setattr(npz, "LARGE", 0)
        for module in (npz, spilled, sequences):
            monkeypatch.setattr(module, "PIECE", 500)
    data = read_tagged_npz(path)
    assert [row.tolist() for row in data.inputs] == expected(
        held["X"].astype(np.float32), held.get("lengths")
    )
    assert data.labels is not None
    assert [row.tolist() for row in data.labels] == expected(held["y"], held.get("lengths"))
    assert isinstance(data.labels, Sequences if held["y"].ndim > held["X"].ndim - 1 else Steps)
    if isinstance(data.labels, Sequences):
        later = to_next(data)
        assert later.labels is not None
        assert [row.tolist() for row in later.labels] == [row[1:].tolist() for row in data.labels]
        assert later.inputs.lengths.tolist() == [max(length - 1, 0) for length in data.lengths.tolist()]


@pytest.mark.parametrize("form", ["a label a step", "texts", "rolls", "one long roll", "columns first"])
def test_a_large_file_is_not_held_in_memory(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = (
        ROLLS[:, :, :2] if form == "columns first" else FORMS["rolls" if "roll" in form else form]["y"]
    ).copy()
    x = np.tile(ROLLS, (2_000, 1, 1)).reshape(2_000, 420, 5)
    y = np.tile(y, (2_000, *[1] * (y.ndim - 1))).reshape(2_000, 420, *y.shape[2:])
    if form == "one long roll":
        x, y = x.reshape(1, -1, 5), y.reshape(1, -1, 3)
    if form == "columns first":
        x, y = np.asfortranarray(x), np.asfortranarray(y)
    path, steps = tmp_path / "tagged.npz", 2_000 * 60 * 7
    np.savez(path, X=x, y=y)
    for module in (npz, spilled, sequences):
        monkeypatch.setattr(module, "PIECE", 1 << 16)
    peaks = []
    for large in (1 << 40, 0):
        monkeypatch.setattr(npz, "LARGE", large)
        tracemalloc.start()
        assert len(read_tagged_npz(path)) == len(x)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 8 * steps < 20 * steps < peaks[0]  # bytes: the numbers alone are 20 a step


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        (
            {"X": X, "y": ROLLS + 1},
            "y: expected 0 or 1 for each label, got 2 in sequence 0, step 0, label 0.",
        ),
        ({"X": X, "y": Y[:9]}, "y: expected labels for 60 sequences, got them for 9."),
        (
            {"X": X, "y": Y[:, :6]},
            "y: expected a label for each of the 7 steps of sequence 0, got 6 labels.",
        ),
        (
            {"X": X, "y": Y[:, :5], "lengths": LENGTHS},
            "y: expected a label for each of the 6 steps of sequence 6, got 5 labels.",
        ),
        (
            {"X": X, "y": Y[:, 0]},
            "y: expected a label for each of the 7 steps of sequence 0, got one label (",
        ),
        ({"X": X, "y": Y + 0.5}, "y: expected classes (whole numbers or texts), got "),
        ({"X": X, "y": ROLLS.astype(str)}, "y: expected 0 or 1 for each label, got the type <U3."),
        ({"X": X.astype(str), "y": Y}, "X: expected numbers, got the type <U32."),
        (
            {"X": X, "y": Y, "lengths": LENGTHS + 1},
            "X: expected at most 7 steps, got a length of 8 in row 7.",
        ),
        ({"x": X, "y": Y}, "expected the arrays X and y, got x, y. Save with"),
    ],
)
def test_what_does_not_fit(
    arrays: dict[str, Any], expected: str, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tagged.npz"
    np.savez(path, **arrays)
    if large:
        monkeypatch.setattr(npz, "LARGE", 0)
    with pytest.raises(DataError) as error:
        read_tagged_npz(path)
    assert str(error.value).startswith(f"{path}: {expected}")


def test_a_label_late_in_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, odd = tmp_path / "tagged.npz", ROLLS.copy()
    odd[50, 1, 2] = 7  # a sequence of two steps
    for module in (npz, spilled, sequences):
        monkeypatch.setattr(module, "PIECE", 100)
    for large in (1 << 40, 0):
        monkeypatch.setattr(npz, "LARGE", large)
        np.savez(path, X=X, y=odd, lengths=LENGTHS)
        with pytest.raises(DataError, match="got 7 in sequence 50, step 1, label 2"):
            read_tagged_npz(path)
