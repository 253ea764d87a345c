"""Images by rows or columns, from folders and arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from elman.data.columns import Columns
from elman.data.folders import FileSettings
from elman.data.images import steps_of
from elman.data.sequences import Sequences
from elman.data.source import read_source
from elman.errors import ArgumentError, DataError

BUNCH = load_digits(n_class=2)
PIXELS = (BUNCH.images[:8] * 15).astype(np.uint8)  # type: ignore[attr-defined]
LABELS = BUNCH.target[:8]  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, (image, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        path = tmp_path / "images" / f"digit {label}" / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return tmp_path / "images"


def steps(splits_input: object) -> np.ndarray:
    assert isinstance(splits_input, Sequences)
    values, lengths = splits_input.batch(torch.arange(len(splits_input)))
    assert lengths is None
    return values.numpy().swapaxes(0, 1)


def test_rows_and_columns() -> None:
    images = np.arange(2 * 3 * 4 * 3).reshape(2, 3, 4, 3)
    assert np.array_equal(steps_of(images, "rows")[1, 2], images[1, 2].ravel())
    assert np.array_equal(steps_of(images, "columns")[1, 3], images[1, :, 3].ravel())
    with pytest.raises(ArgumentError) as error:
        steps_of(images, "row")
    assert str(error.value) == "read: unknown name 'row'. Did you mean 'rows'? Valid: columns, rows."


@pytest.mark.parametrize("read", ["rows", "columns"])
def test_a_folder_a_class(folder: Path, read: str) -> None:
    splits = read_source(str(folder), Columns(), FileSettings(read=read))
    assert splits.notes == (f"8 images read by {read}",)
    assert splits.train.names is not None
    assert splits.train.labels is not None
    order = [int(Path(name).stem) for name in splits.train.names]
    assert splits.train.labels.tolist() == [f"digit {LABELS[k]}" for k in order]
    wanted = PIXELS[order] / 255
    wanted = wanted if read == "rows" else wanted.swapaxes(1, 2)
    np.testing.assert_allclose(steps(splits.train.inputs), wanted, atol=1e-6)


def test_bad_images(folder: Path) -> None:
    odd, damaged = folder / "digit 0" / "0.png", folder / "digit 1" / "1.png"
    Image.fromarray(PIXELS[0][:, :5]).save(folder / "digit 0" / "9.png")
    with pytest.raises(DataError) as error:
        read_source(str(folder), Columns())
    assert str(error.value) == (
        f"{folder}/digit 0/9.png: expected an image with rows of 8 grey pixels, as '{odd}', got one with "
        f"rows of "
        "5 grey pixels. Bring all to one size and to grey or colour. --skip-bad goes on without such files."
    )
    damaged.write_bytes(damaged.read_bytes()[:40])
    splits = read_source(str(folder), Columns(), FileSettings(skip_bad=True))
    assert len(splits.train) == 7
    assert splits.notes[1].startswith(f"skipped 2 bad files of 9: {folder}/digit 0/9.png: expected an image")


def test_arrays_of_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=PIXELS, y=LABELS)
    splits = read_source(str(tmp_path / "data.npz"), Columns(), FileSettings(read="columns"))
    np.testing.assert_array_equal(steps(splits.train.inputs), PIXELS.swapaxes(1, 2))
    np.savez(tmp_path / "colour.npz", X=np.stack([PIXELS] * 3, axis=-1), y=LABELS)
    splits = read_source(str(tmp_path / "colour.npz"), Columns())
    assert steps(splits.train.inputs).shape == (8, 8, 24)
