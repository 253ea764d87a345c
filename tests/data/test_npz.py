"""Large arrays of .npz files: copied to disk and mapped from there, with what small ones hold."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from elman.data import Examples, Sequences, npz, spilled
from elman.data.arrays import read_npz
from elman.errors import DataError

IMAGES = load_digits().images[:300]  # type: ignore[attr-defined]
LABELS = load_digits().target[:300]  # type: ignore[attr-defined]
LENGTHS = np.arange(300) % 9
FORMS: dict[str, dict[str, Any]] = {
    "dense": {"X": IMAGES, "y": LABELS},
    "whole numbers": {"X": IMAGES.astype(np.uint8), "y": LABELS},
    "with lengths": {"X": IMAGES, "y": LABELS, "lengths": LENGTHS},
    "one after the other": {"X": IMAGES.reshape(-1, 8)[: LENGTHS.sum()], "lengths": LENGTHS},
    "columns first": {"X": np.asfortranarray(IMAGES), "y": LABELS},
    "in colour": {"X": np.stack([IMAGES, 16 - IMAGES], -1), "y": LABELS},
}


def inputs_of(examples: Examples) -> Sequences:
    assert isinstance(examples.inputs, Sequences)
    return examples.inputs


def small_pieces(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for module in (npz, spilled):
        monkeypatch.setattr(module, "PIECE", size)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("form", FORMS)
def test_a_large_array_is_read_as_a_small_one(
    form: str, save: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "digits.npz"
    save(path, **FORMS[form])
    small = read_npz(path)
    monkeypatch.setattr(npz, "LARGE", 0)
    small_pieces(monkeypatch, 1_000)
    large = read_npz(path)
    if small.labels is not None:
        assert large.labels is not None
        assert np.array_equal(small.labels, large.labels)
    rows = torch.arange(300)
    for mine, theirs in zip(inputs_of(large).batch(rows), inputs_of(small).batch(rows), strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or torch.equal(mine, theirs)


@pytest.mark.parametrize("form", ["dense", "one long sequence", "columns first", "in colour by columns"])
def test_a_large_array_is_not_held_in_memory(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, images = tmp_path / "digits.npz", np.tile(IMAGES, (100, 1, 1))  # 15 MB
    read = "columns" if form.endswith("columns") else "rows"
    held: dict[str, Any] = {"X": np.asfortranarray(images) if form == "columns first" else images}
    if form == "one long sequence":
        held = {"X": images.reshape(1, -1, 8)}
    if form.startswith("in colour"):
        held = {"X": images.reshape(-1, 8, 4, 2)}
    np.savez(path, **held)
    small_pieces(monkeypatch, 1 << 18)
    peaks = {}
    for large in (1 << 40, 0):
        monkeypatch.setattr(npz, "LARGE", large)
        taken = []
        for _ in range(3):  # the least counts: what earlier tests left may be at work meanwhile
            tracemalloc.start()
            examples = read_npz(path, read)
            taken.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert len(examples) == len(held["X"])
        peaks[large] = min(taken)
    assert peaks[0] < 2 << 20 < 15 << 20 < peaks[1 << 40]


def test_what_does_not_fit_is_said_of_a_large_array_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "LARGE", 0)
    path = tmp_path / "digits.npz"
    for lengths, expected in ((LENGTHS[:5], "expected one length per sequence"), (LENGTHS + 1, "at most 8")):
        np.savez(path, X=IMAGES, y=LABELS, lengths=lengths)
        with pytest.raises(DataError, match=expected):
            read_npz(path)
    np.savez(path, X=IMAGES[:, :, 0], y=LABELS)
    with pytest.raises(DataError, match="One feature a step"):
        read_npz(path)


def test_a_large_array_that_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "LARGE", 0)
    whole, path = tmp_path / "whole.npz", tmp_path / "cut.npz"
    np.savez(whole, X=IMAGES)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as cut:
        cut.writestr("X.npy", archive.read("X.npy")[:-100])
    with pytest.raises(DataError, match=r"cut\.npz: expected an .npz file, got a damaged or different one"):
        read_npz(path)
    with zipfile.ZipFile(path, "w") as odd:
        odd.writestr("X.npy", b"no array, but a text that is longer than a header")
    with pytest.raises(DataError, match=r"cut\.npz"):
        read_npz(path)
