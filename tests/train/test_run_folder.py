"""Run folders: never overwritten without being told, and nothing foreign ever deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from elman.errors import RunError
from elman.train.durable import sha256
from elman.train.run_folder import RunFolder


def made(path: Path) -> RunFolder:
    run = RunFolder(path)
    run.about = {"task": "classify", "vocabulary": sha256(b"{}")}
    run.begin({"seed": 1}, vocabulary="{}")
    run.save_best({"w": torch.ones(2)}, 1)
    return run


def refusal(run: RunFolder, *, overwrite: bool) -> str:
    with pytest.raises(RunError) as error:
        run.check_new(overwrite=overwrite)
    return str(error.value)


def test_a_run_that_exists(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    assert refusal(run, overwrite=False) == (
        f"out: expected a new folder, got '{tmp_path}/run', which exists. "
        "Add --overwrite to replace it, --resume to go on with it, or name another."
    )
    run.check_new(overwrite=True)


def test_an_empty_folder_is_new(tmp_path: Path) -> None:
    RunFolder(tmp_path).check_new(overwrite=False)


def test_other_folders_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    assert refusal(RunFolder(tmp_path), overwrite=True) == (
        f"out: expected a run folder to overwrite, got '{tmp_path}', which holds other files."
    )
    assert refusal(RunFolder(tmp_path / "thesis.txt"), overwrite=True) == (
        f"out: expected a folder, got the file '{tmp_path}/thesis.txt'."
    )


def test_overwriting_deletes_the_former_runs_files_only(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    (run.path / "mine.txt").write_text("x")
    RunFolder(run.path).begin({"seed": 2}, vocabulary=None)
    assert sorted(p.name for p in run.path.iterdir()) == ["config.toml", "mine.txt"]


def test_free_names(tmp_path: Path) -> None:
    base = tmp_path / "run"
    for expected in ("run", "run-2", "run-3"):
        run = RunFolder.free(base)
        assert run.path.name == expected
        run.path.mkdir()


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error:
        RunFolder(tmp_path).check_resume()
    assert (
        str(error.value)
        == f"resume: expected a folder with a stopped run, got '{tmp_path}'. Name it by --out."
    )


def test_a_model_comes_back(tmp_path: Path) -> None:
    weights, about, vocabulary = RunFolder(made(tmp_path / "run").path).load_model()
    assert weights["w"].tolist() == [1, 1]
    assert about == {"task": "classify", "vocabulary": sha256(b"{}"), "epoch": 1, "data": ""}
    assert vocabulary == "{}"


def test_a_vocabulary_that_was_changed_or_lost(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    path = run.path / "vocabulary.json"
    path.write_text("{ }")
    with pytest.raises(RunError) as error:
        run.load_model()
    assert (
        str(error.value)
        == f"{path}: expected the vocabulary that was saved, got another (its sha256 does not match)."
    )
    path.unlink()
    with pytest.raises(RunError) as error:
        run.load_model()
    assert str(error.value) == f"{path}: expected the vocabulary of the model, but there is none."


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error:
        RunFolder(tmp_path / "no").load_model()
    assert str(error.value) == f"run: expected a run folder, got '{tmp_path}/no', which does not exist."
