"""Folders: one a class, also within train and test."""

from __future__ import annotations

from pathlib import Path

import pytest

from elman.data.columns import Columns
from elman.data.source import read_source
from elman.errors import DataError


def written(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the review {name}")


def test_train_and_test_with_a_folder_a_class(tmp_path: Path) -> None:
    written(tmp_path, "train/pos/0_9.txt", "train/neg/0_2.txt", "train/unsup/0_0.txt", "imdb.vocab")
    written(tmp_path, "test/pos/1_8.txt", "test/neg/1_1.txt", "train/urls_pos.txt")
    splits = read_source(str(tmp_path), Columns())
    assert splits.train.inputs == ["the review train/neg/0_2.txt", "the review train/pos/0_9.txt"]
    assert splits.train.labels is not None
    assert splits.test is not None
    assert splits.test.labels is not None
    assert splits.train.labels.tolist() == splits.test.labels.tolist() == ["neg", "pos"]
    assert splits.test.names is not None
    assert splits.test.names[1].endswith("test/pos/1_8.txt")


def test_files_without_classes_are_for_prediction(tmp_path: Path) -> None:
    written(tmp_path, "one.txt", "two.txt")
    splits = read_source(str(tmp_path), Columns(), labelled=False)
    assert splits.train.inputs == ["the review one.txt", "the review two.txt"]
    with pytest.raises(DataError, match="one folder a class"):
        read_source(str(tmp_path), Columns())


def test_mixed_kinds(tmp_path: Path) -> None:
    written(tmp_path, "a/1.txt", "b/2.wav")
    with pytest.raises(DataError) as error:
        read_source(str(tmp_path), Columns())
    assert str(error.value) == (
        f"{tmp_path}: expected files of one kind (texts, recordings or images), got '{tmp_path}/a/1.txt', "
        f"'{tmp_path}/b/2.wav'."
    )


def test_a_text_that_is_not_utf8(tmp_path: Path) -> None:
    written(tmp_path, "a/1.txt", "b/2.txt")
    (tmp_path / "b" / "2.txt").write_bytes("schön".encode("latin1"))
    with pytest.raises(DataError, match=r"2\.txt: expected UTF-8 text, got the byte 0xf6 in line 1"):
        read_source(str(tmp_path), Columns())
