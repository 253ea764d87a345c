"""Images in IDX files: a small file and a large one hold the same, damaged ones are said."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from elman.data import Sequences, idx_files, spilled
from elman.data.columns import Columns
from elman.data.idx_files import parse_idx, read_idx
from elman.data.source import read_source
from elman.errors import DataError

BUNCH = load_digits(n_class=2)
PIXELS = (BUNCH.images[:8] * 15).astype(np.uint8)[:, :, :7]  # type: ignore[attr-defined]
LABELS = BUNCH.target[:8].astype(np.uint8)  # type: ignore[attr-defined]


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def write(folder: Path, images: np.ndarray, labels: np.ndarray | None = None, part: str = "train") -> Path:
    if labels is not None:
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    path = folder / f"{part}-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(images)))
    return path


def steps(inputs: object) -> np.ndarray:
    assert isinstance(inputs, Sequences)
    values, lengths = inputs.batch(torch.arange(len(inputs)))
    assert lengths is None
    return values.numpy().swapaxes(0, 1)


def test_parts_with_their_labels(tmp_path: Path) -> None:
    alone = read_source(str(write(tmp_path, PIXELS[:6])), Columns(), labelled=False)
    assert alone.train.labels is None
    write(tmp_path, PIXELS[:6], LABELS[:6])
    write(tmp_path, PIXELS[6:], LABELS[6:], "t10k")
    splits = read_source(str(tmp_path), Columns())
    assert list(splits.parts()) == ["train", "test"]
    np.testing.assert_allclose(steps(splits.train.inputs), PIXELS[:6] / 255, atol=1e-6)
    assert splits.train.labels is not None
    assert splits.train.labels.tolist() == LABELS[:6].tolist()


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("read", ["rows", "columns"])
def test_many_images_are_read_as_few(
    read: str, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, PIXELS)
    if not packed:
        path = path.with_suffix("")
        path.write_bytes(idx(PIXELS))
    few = read_idx(path, read)
    monkeypatch.setattr(spilled, "LARGE", 0)
    monkeypatch.setattr(idx_files, "PIECE", 3 * 8 * 7 + 1)
    many = read_idx(path, read)
    assert isinstance(many.inputs, Sequences)
    wanted = (PIXELS if read == "rows" else PIXELS.swapaxes(1, 2)) / 255
    np.testing.assert_allclose(steps(few.inputs), wanted, atol=1e-6)
    np.testing.assert_array_equal(steps(many.inputs), steps(few.inputs))
    assert not many.inputs.values[-1].any()


def test_many_images_are_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, np.tile(PIXELS, (5_000, 1, 1)))  # 9 MB as numbers
    monkeypatch.setattr(idx_files, "PIECE", 1 << 16)
    peaks = []
    for large in (1 << 40, 1 << 20):
        monkeypatch.setattr(spilled, "LARGE", large)
        tracemalloc.start()
        assert len(read_idx(path, "rows")) == 40_000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 4 << 20 < 8 << 20 < peaks[0]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"PNG ", "expected an IDX file of bytes, got one that begins with 504e4720."),
        (b"\0\0\x08\0", "expected an IDX file of bytes, got one that begins with 00000800."),
        (b"\0\0\x08\3\0\0\0\1\0\0", "expected 3 sizes of 4 bytes at its start, got a shorter file."),
        (b"\0\0\x08\x01\0\0\0\x06hello", "expected 6 bytes of data, got 5."),
        (b"\0\0\x08\x01\0\0\0\x03hello", "expected 3 bytes of data, got 5."),
        (b"\0\0\x08\x03" + b"\xff" * 12 + b"hello", f"expected {0xFFFFFFFF**3} bytes of data, got 5."),
    ],
)
def test_what_is_damaged_is_said(content: bytes, expected: str) -> None:
    with pytest.raises(DataError) as error:
        parse_idx(content, "here")
    assert str(error.value) == f"here: {expected}"


def test_files_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spilled, "LARGE", 0)
    path = write(tmp_path, PIXELS[0])
    with pytest.raises(DataError, match=r"expected images \(count, rows, columns\), got the shape \(8, 7\)"):
        read_idx(path, "rows")
    assert len(read_idx(write(tmp_path, PIXELS[:0]), "columns")) == 0
    path = write(tmp_path, PIXELS, LABELS[:5])
    with pytest.raises(
        DataError, match=r"labels-idx1-ubyte.gz: expected one label per sequence \(8\), got 5"
    ):
        read_idx(path, "rows")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="expected a gzip file, got a truncated or damaged one"):
        read_idx(path, "rows")
