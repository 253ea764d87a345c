"""Checkpoints: exact there and back; truncation, tampering and a full disk are seen and cost nothing."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from elman.errors import RunError
from elman.train import checkpoint, durable

TENSORS = {
    "weight": torch.randn(3, 5),
    "view": torch.randn(4, 6).T,
    "double": torch.randn(2, dtype=torch.float64),
    "random": torch.arange(9, dtype=torch.uint8),
    "scalar": torch.tensor(7.0),
    "none": torch.zeros(0, 3),
    "half": torch.randn(3).to(torch.bfloat16),
}
ABOUT = {"classes": ["ä", 1, None], "nested": {"x": 0.1}}


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, TENSORS, ABOUT)
    tensors, about = checkpoint.load(path)
    assert about == ABOUT
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_a_file_of_a_newer_version(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file({"w": torch.zeros(2)}, path, {"format": "elman 2"})
    with pytest.raises(RunError) as error:
        checkpoint.load(path)
    assert str(error.value) == (
        f"{path}: expected a file of format 'elman 1', got 'elman 2'. "
        "A newer elman wrote it: install that one, or train again."
    )


def test_it_is_an_ordinary_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, TENSORS, ABOUT)
    with safe_open(path, "pt") as file:
        assert file.metadata()["format"] == "elman 1"
        assert json.loads(file.metadata()["about"]) == ABOUT
        assert torch.equal(file.get_tensor("weight"), TENSORS["weight"])


def test_tensors_that_share_memory(tmp_path: Path) -> None:
    shared = torch.randn(4)
    checkpoint.save(tmp_path / "m", {"a": shared, "b": shared}, {})
    assert torch.equal(checkpoint.load(tmp_path / "m")[0]["b"], shared)


@pytest.mark.parametrize("keep", [0, 3, 8, 100, -1])
def test_truncation_is_seen(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, TENSORS, ABOUT)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError) as error:
        checkpoint.load(path)
    assert str(error.value).startswith(
        f"{path}: expected a whole safetensors file, got a truncated or damaged one ("
    )
    assert str(error.value).endswith("). Copy it again from where it came, or train again.")


def test_a_changed_bit_anywhere_in_the_data_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, {"w": torch.randn(40)}, ABOUT)
    whole = path.read_bytes()
    for place in range(len(whole) - 160, len(whole), 13):
        changed = bytearray(whole)
        changed[place] ^= 4
        path.write_bytes(bytes(changed))
        with pytest.raises(RunError) as error:
            checkpoint.load(path)
        assert str(error.value) == (
            f"{path}: expected the content that was saved, got another (its sha256 does not match). "
            "The file was changed or damaged: copy it again from where it came, or train again."
        )


def test_changed_plain_values_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, TENSORS, {"classes": ["no", "yes"]})
    path.write_bytes(path.read_bytes().replace(b'\\"no\\"', b'\\"on\\"'))
    with pytest.raises(RunError, match="its sha256 does not match"):
        checkpoint.load(path)


def test_a_stranger_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(RunError) as error:
        checkpoint.load(path)
    assert str(error.value) == f"{path}: expected a file of format 'elman 1', got None."


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error:
        checkpoint.load(tmp_path / "model.safetensors")
    assert str(error.value) == (
        f"{tmp_path}/model.safetensors: expected a model file, but there is none. "
        "Train first, or name another run folder."
    )


class FullDisk:
    """A file on a disk that has room for `room` bytes more."""

    def __init__(self, file: Any, room: int) -> None:
        self.file, self.room = file, room

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def write(self, content: bytes) -> int:
        self.file.write(content[: self.room])
        if len(content) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return len(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def full_disk(path: Path, mode: str) -> FullDisk:
    """What stands in for `open`; the file is closed by `FullDisk`."""
    return FullDisk(open(path, mode), 20)


@pytest.mark.parametrize("where", ["write", "fsync", "rename"])
def test_a_full_disk_leaves_the_former_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, TENSORS, ABOUT)
    former = path.read_bytes()

    def full(*arguments: Any, **keywords: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "write":
        monkeypatch.setattr(durable, "open", full_disk, raising=False)
    else:
        monkeypatch.setattr(durable.os, "fsync" if where == "fsync" else "replace", full)
    with pytest.raises(RunError) as error:
        checkpoint.save(path, {"other": torch.ones(5)}, {})
    assert str(error.value) == (
        f"{path}: could not be written (No space left on device). The former file is whole. "
        "Free some space or name another folder, then go on with --resume."
    )
    assert path.read_bytes() == former
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]
    assert torch.equal(checkpoint.load(path)[0]["weight"], TENSORS["weight"])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error:
        durable.write_text(tmp_path / "no" / "file", "x")
    assert str(error.value).startswith(
        f"{tmp_path}/no/file: could not be written (No such file or directory). Free"
    )


def test_two_processes_may_write_one_file(tmp_path: Path) -> None:
    """As those do that share a study."""
    write = "durable.write_text(pathlib.Path(sys.argv[1]), sys.argv[2] * 100)"
    program = f"import pathlib, sys; from elman.train import durable; [{write} for _ in range(300)]"
    path = tmp_path / "best.toml"
    both = [subprocess.Popen([sys.executable, "-c", program, str(path), letter]) for letter in "ab"]
    assert [process.wait(timeout=100) for process in both] == [0, 0]
    assert path.read_text() in ("a" * 100, "b" * 100)
    assert list(tmp_path.iterdir()) == [path]
