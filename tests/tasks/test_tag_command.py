"""tag on the command line: files in, a run folder, figures and predictions out."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from elman.cli import main
from elman.tasks.tag import TASK
from elman.tasks.tagging.options import TagOptions

SENTENCES = [
    "Ada PER\nwrote O\n. O\n",
    "Alan PER\nran O\n. O\n",
    "He O\nsaw O\nAda PER\n. O\n",
    "Rain O\nfell O\n",
]
FAST = (
    "--hidden 8 --batch-size 4 --learning-rate 0.02 --embedding-size 8 --character-size 4 --min-frequency 1"
)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    return int(ending.value.code or 0)


def test_odd_labels_are_said(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text("Ada PER\nwrote O\n\nAda PER\nran O\n\nRome LOC\n")
    (tmp_path / "dev.conll").write_text("Ada PERS\nran O\n")
    options = TagOptions(data=str(tmp_path / "train.conll"), valid=str(tmp_path / "dev.conll"), test_share=0)
    splits, _ = TASK.read(options)
    assert splits.notes[-3:] == (
        "seen once in the training data: 'LOC'",
        "in the valid data, but not in the training data: 'PERS'",
        "no step of 'LOC', 'PER' in the valid data: nothing is known of it there",
    )


def test_train_evaluate_and_predict_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.conll").write_text("\n".join(SENTENCES * 5))
    (tmp_path / "new.conll").write_text("Ada\nran\n\nShe\n")
    run = str(tmp_path / "run")
    given = ["--data", str(tmp_path / "train.conll"), "--out", run, "--epochs", "3", *FAST.split()]
    assert call("train", "tag", *given) == 0
    said = capsys.readouterr().out
    assert "tokens from column 1, labels from column 2" in said
    assert "baseline: majority" in said
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert {"nll", "accuracy", "macro_f1", "steps", "by_label"} <= result["test"].keys()
    assert "most frequent label of the token" in result["baselines"]
    assert (tmp_path / "run" / "labels.png").stat().st_size > 1_000
    assert call("evaluate", run, "--data", str(tmp_path / "train.conll")) == 0
    assert "confusion" in capsys.readouterr().out
    out = tmp_path / "said.csv"
    assert call("predict", run, "--data", str(tmp_path / "new.conll"), "--out", str(out)) == 0
    table = pl.read_csv(out)
    assert table.columns == ["sequence", "step", "token", "label", "p", "p_O", "p_PER"]
    assert table["token"].to_list() == ["Ada", "ran", "She"]
    assert table["sequence"].to_list() == [0, 0, 1]


def test_an_event_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{piece},{time},{'ab'[(time + piece) % 2]}" for piece in range(12) for time in range(9)]
    (tmp_path / "log.csv").write_text("\n".join(["piece,time,event", *rows]))
    (tmp_path / "new.csv").write_text("piece,time,event\nx,0,b\nx,1,a\n")
    run = str(tmp_path / "run")
    given = ["--data", str(tmp_path / "log.csv"), "--out", run, "--epochs", "20", "--dropout", "0"]
    assert call("train", "tag", *given, *FAST.split()) == 0
    said = capsys.readouterr().out
    assert "2 events of column 'event'" in said
    assert "target next" in said
    assert (tmp_path / "run" / "roll.png").stat().st_size > 1_000
    out = tmp_path / "said.csv"
    assert call("predict", run, "--data", str(tmp_path / "new.csv"), "--out", str(out)) == 0
    table = pl.read_csv(out)
    assert table["labels"].to_list() == ["a", "b"]  # what comes next
    assert table["sequence"].to_list() == ["x", "x"]


def test_a_class_that_training_did_not_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.conll").write_text("\n".join(SENTENCES * 5))
    (tmp_path / "other.conll").write_text("Ada PERS\n")
    run = str(tmp_path / "run")
    given = ["--data", str(tmp_path / "train.conll"), "--out", run, "--epochs", "1", *FAST.split()]
    assert call("train", "tag", *given) == 0
    capsys.readouterr()
    assert call("evaluate", run, "--data", str(tmp_path / "other.conll")) == 2
    message = capsys.readouterr().err.replace("\n", " ")
    assert "line 1 has a label that was not in the training data." in message
    assert "unknown name 'PERS'. Did you mean 'PER'? Valid: O, PER." in message
