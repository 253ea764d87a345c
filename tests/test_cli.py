"""The command line, as a user types it: each command in a process of its own where that matters."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from elman import cli
from elman.cli.commands import USAGE
from elman.data.sequences import Sequences
from elman.errors import ArgumentError
from elman.train import checkpoint

SMALL = ["--cell", "gru", "--hidden", "8", "--epochs", "2", "--learning-rate", "0.02", "--batch-size", "64"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`elman` in `folder`, with a wide terminal so that nothing is wrapped."""
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-m", "elman.cli", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def call(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The same within this process, which saves the imports."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    return int(exit_.value.code or 0)


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `elman train classify --data digits` has been run into `run`."""
    folder = tmp_path_factory.mktemp("cli")
    done = run(folder, "train", "classify", "--data", "digits", "--out", "run", *SMALL)
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    return folder


def test_training_says_what_it_did(trained: Path) -> None:
    said = (trained / "stdout").read_text()
    assert "data: 1,294 train, 144 valid, 359 test" in said
    assert re.search(r"chosen: .*pooling max, standardize False", said)
    assert re.search(r"epoch 2/2  train loss \d\.\d+ accuracy \d+\.\d\d%  valid loss .* sequences/s", said)
    assert "baseline: majority" in said
    assert re.search(r"trained 2 epochs in \d+\.\d s; best epoch \d; see run/README.md", said)


def test_the_run_folder(trained: Path) -> None:
    names = {path.name for path in (trained / "run").iterdir()}
    assert names == {
        "config.toml", "model.safetensors", "last.safetensors", "metrics.jsonl", "result.json",
        "learning_curve.png", "confusion.png", "README.md",
    }  # fmt: skip
    result = json.loads((trained / "run" / "result.json").read_text())
    assert result["task"] == "classify"
    assert result["settings"]["hidden_size"] == 8
    assert result["seconds"] > 0
    assert {"accuracy", "macro_f1", "loss", "sequences", "confusion"} == result["test"].keys()
    assert result["test"]["sequences"] == 359 == sum(map(sum, result["test"]["confusion"]))
    assert result["baselines"]["majority"]["accuracy"] == pytest.approx(36 / 359)
    assert len((trained / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    assert (trained / "run" / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert (
        f"this model, test | {result['test']['accuracy']:.4f}" in (trained / "run" / "README.md").read_text()
    )


def test_evaluate(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(trained, monkeypatch, "evaluate", "run", "--data", "digits", "--out", "figures.json") == 0
    said = capsys.readouterr().out
    result = json.loads((trained / "run" / "result.json").read_text())
    figures = json.loads((trained / "figures.json").read_text())
    assert figures["figures"] == result["test"]
    assert list(figures["baselines"]) == ["majority", "summary features"]
    for name, values in figures["baselines"].items():  # learned anew, on the same data
        assert values["accuracy"] == result["baselines"][name]["accuracy"]
    assert f"{result['test']['accuracy']:.2%}" in said
    assert "digits, its test part" in said
    assert "confusion (truth down, prediction across)" in said


def test_without_data_a_run_is_measured_on_its_own_test_part(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(trained, monkeypatch, "evaluate", "run") == 0
    result = json.loads((trained / "run" / "result.json").read_text())
    said = capsys.readouterr().out
    assert f"{result['test']['accuracy']:.2%}" in said
    assert "digits, its test part" in said
    assert call(trained, monkeypatch, "predict", "run") == 0
    assert "written to run/predictions.csv" in capsys.readouterr().out
    assert len(table(trained / "run" / "predictions.csv")) == result["test"]["sequences"]
    (trained / "run" / "predictions.csv").unlink()


def test_a_model_trained_in_python_has_no_data_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import elman

    x, y = np.random.default_rng(0).normal(size=(8, 3, 2)), np.arange(8) % 2
    elman.Classifier(hidden_size=2, epochs=1).fit(x, y).save(tmp_path / "run")
    assert call(tmp_path, monkeypatch, "evaluate", "run") == 2
    assert capsys.readouterr().err == (
        "error: data: expected data to read, since this model was trained in Python, on arrays, got None. "
        "Name them by --data.\n"
    )


def test_predict(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from elman.data.named import digits

    arguments = ("predict", "run", "--data", "digits", "--out", "preds.csv")
    assert call(trained, monkeypatch, *arguments) == 0
    assert "359 predictions for digits, its test part written to preds.csv" in capsys.readouterr().out
    rows = table(trained / "preds.csv")
    assert list(rows[0]) == ["row", "label", *(f"p_{k}" for k in range(10))]
    test = digits().test
    assert test is not None
    assert test.labels is not None
    accuracy = np.mean([int(row["label"]) == label for row, label in zip(rows, test.labels, strict=True)])
    result = json.loads((trained / "run" / "result.json").read_text())
    assert accuracy == pytest.approx(result["test"]["accuracy"])
    assert sum(float(rows[7][f"p_{k}"]) for k in range(10)) == pytest.approx(1)
    assert call(trained, monkeypatch, *arguments) == 2
    assert (
        "out: expected a new file, got 'preds.csv', which exists. Add --overwrite" in capsys.readouterr().err
    )
    assert call(trained, monkeypatch, *arguments, "--overwrite") == 0


def test_python_reads_what_the_command_line_wrote(trained: Path) -> None:
    import elman
    from elman.data.named import digits

    test = digits().test
    assert test is not None
    assert isinstance(test.inputs, Sequences)
    images, _ = test.inputs.batch(torch.arange(len(test)))
    result = json.loads((trained / "run" / "result.json").read_text())
    assert elman.load(trained / "run").score(images.transpose(0, 1), test.labels) == pytest.approx(
        result["test"]["accuracy"]
    )


def test_texts_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("good film", "1"), ("a fine good film", "1"), ("bad film", "0"), ("so bad", "0")] * 15
    (tmp_path / "train.csv").write_text("text,label\n" + "".join(f"{t},{label}\n" for t, label in rows))
    (tmp_path / "dev.csv").write_text("text,label\ngood,1\nbad,0\n")
    (tmp_path / "new.csv").write_text("text\na good one\nhow bad\n")
    (tmp_path / "options.toml").write_text('cell = "gru"\nhidden_size = 4\nepochs = 9\nmin_frequency = 1\n')
    train = ("train", "classify", "--data", "train.csv", "--valid", "dev.csv", "--test", "dev.csv")
    more = ("--config", "options.toml", "--epochs", "6", "--batch-size", "8", "--learning-rate", "0.02")
    assert call(tmp_path, monkeypatch, *train, *more) == 0
    said = capsys.readouterr().out
    assert (
        "train.csv: text from column 'text' (by its name), labels from column 'label' (by its name)" in said
    )
    assert "data: 60 train, 2 valid, 2 test" in said
    folder = tmp_path / "runs" / "classify-train-gru"
    config = (folder / "config.toml").read_text()
    assert "epochs = 6\n" in config
    assert "hidden_size = 4\n" in config
    assert 'tokens = "words"\n' in config
    assert (
        call(tmp_path, monkeypatch, "predict", str(folder), "--data", "new.csv", "--out", "new-labels.csv")
        == 0
    )
    predicted = table(tmp_path / "new-labels.csv")
    assert [(row["row"], row["label"]) for row in predicted] == [("2", "1"), ("3", "0")]
    (tmp_path / "other.csv").write_text("text,label\ngood,1\nodd,2\n")
    capsys.readouterr()
    assert call(tmp_path, monkeypatch, "evaluate", str(folder), "--data", "other.csv") == 2
    assert capsys.readouterr().err == (
        "error: other.csv: row 3 has the class 2, which was not in the training data. Known: 0, 1. "
        "Correct it, leave the row out, or train on examples of it.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            "trian classify",
            "command: unknown name 'trian'. Did you mean 'train'? Valid: bench, cells, ",
        ),
        ("train clasify", "task: unknown name 'clasify'. Did you mean 'classify'? Valid: classify, "),
        ("train --data x", "task: expected its name first, got '--data'. Valid: classify, "),
        (
            "train classify --hiden 3",
            "option: unknown name '--hiden'. Did you mean '--hidden'? Valid: --activation, ",
        ),
        (
            "train classify --data digitz",
            "data: unknown name 'digitz'. Did you mean 'digits'? Valid: basic_motions, digits, fsdd, "
            "fsdd_speakers, imdb, japanese_vowels, mnist, names, sst2.",
        ),
        (
            "train classify --data digits --hidden 0",
            "hidden_size: expected a whole number of 1 or more (units), got 0. Default: 128.",
        ),
        (
            "train classify --data digits --cell lsmt",
            "cell: unknown name 'lsmt'. Did you mean 'lstm'? Valid: feedback, gru, ",
        ),
        (
            "train classify --data digits --cell rnn --activation rleu",
            "activation: unknown name 'rleu'. Did you mean 'relu'? Valid: ",
        ),
        (
            "train classify --data digits --device cuda:77",
            "device: expected a device of this machine, got 'cuda:77', with ",
        ),
        (
            "train classify --data digits --out run",
            "out: expected a new folder, got 'run', which exists. Add --overwrite to replace it, "
            "--resume to go on with it, or name another.",
        ),
        (
            "train classify --data digits --resume",
            "out: expected the run folder to go on with, got None. Name it by --out.",
        ),
        (
            "train classify --out no-run --resume",
            "resume: expected a folder with a stopped run, got 'no-run'. Name it by --out.",
        ),
        (
            "train classify --out run --resume --hidden 9",
            "hidden_size: expected no other value when a run goes on, got 9; the run began with 8. "
            "Leave it out, or begin a new run. A run that goes on may change epochs, patience, "
            "learning_rate, clip, device.",
        ),
        (
            "train classify --config none.toml",
            "config: expected a TOML file, got 'none.toml', which does not exist.",
        ),
        ("evaluate no-run --data digits", "run: expected a run folder, got 'no-run', which does not exist."),
        (
            "evaluate run --data nothing.npz",
            "data: expected a file, got 'nothing.npz', which does not exist.",
        ),
        (
            "predict run --data digits --out no/preds.csv",
            "out: expected a file in a folder that exists, got 'no/preds.csv'.",
        ),
    ],
)
def test_one_clear_message(
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    expected: str,
) -> None:
    before = sorted(path for path in trained.rglob("*"))
    assert call(trained, monkeypatch, *arguments.split()) == 2
    assert capsys.readouterr().err.startswith(f"error: {expected}")
    assert sorted(path for path in trained.rglob("*")) == before


def test_debug_shows_the_trace() -> None:
    with pytest.raises(ArgumentError, match="unknown name 'digitz'"):
        cli.main(["train", "classify", "--data", "digitz", "--debug"])


def test_a_truncated_model(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    for path in (trained / "run").iterdir():
        (tmp_path / "run" / path.name).write_bytes(
            path.read_bytes()[: -30 if path.suffix == ".safetensors" else None]
        )
    assert call(tmp_path, monkeypatch, "evaluate", "run", "--data", "digits") == 2
    message = capsys.readouterr().err
    assert message.startswith(
        "error: run/model.safetensors: expected a whole safetensors file, got a truncated"
    )
    assert call(tmp_path, monkeypatch, "train", "classify", "--out", "run", "--resume") == 2
    assert "last.safetensors: expected a whole safetensors file" in capsys.readouterr().err


def test_ctrl_c_and_resume_end_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is sent SIGINT in mid-epoch; resumed, it ends as one that was never stopped."""
    arguments = ["train", "classify", "--data", "digits", *SMALL[:4], "--epochs", "4", "--batch-size", "8"]
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "elman.cli", *arguments, "--out", "stopped"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 100
    while not (tmp_path / "stopped" / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "Stopping after this batch; once more stops at once." in said
    assert "Stopped; everything is kept. To go on:\n  elman train classify --out stopped --resume\n" in said
    _, about = checkpoint.load(tmp_path / "stopped" / "last.safetensors")
    assert 0 < about["progress"]["position"]["epoch"] <= 4
    torch.set_num_threads(1)
    assert call(tmp_path, monkeypatch, "train", "classify", "--out", "stopped", "--resume") == 0
    assert call(tmp_path, monkeypatch, *arguments, "--out", "whole") == 0
    for name in ("last.safetensors", "model.safetensors"):
        (one, _), (two, _) = (checkpoint.load(tmp_path / folder / name) for folder in ("stopped", "whole"))
        assert one.keys() == two.keys()
        assert all(np.array_equal(one[key].numpy(), two[key].numpy()) for key in one)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--version", r"elman \d+\.\d+\.\d+\n"),
        ("", re.escape(USAGE)),
        ("--help", re.escape(USAGE)),
        (
            "cells",
            r"rnn +\S.*\n +options: activation=tanh, start=uniform\n(.*\n)+"
            r"slstm +\S.*\n +options: heads=1, forget=sigmoid, forget_bias=none\n"
            r"\nChange options with --cell NAME --cell-options OPTION=VALUE,…; .*\n",
        ),
        (
            "train",
            r"elman train TASK --data DATA \[options\]\n\ntasks:\n"
            r"  classify +a label for each sequence\n(  \w+ +\S.*\n)*",
        ),
        ("train classify --help", r"(?s).*--hidden INT, --hidden-size INT .*--text-column(?!.*--verbose).*"),
    ],
)
def test_help_and_small_commands(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    expected: str,
) -> None:
    assert call(tmp_path, monkeypatch, *arguments.split()) == 0
    assert re.fullmatch(expected, capsys.readouterr().out)


def test_starting_is_quick() -> None:
    code = (
        "import sys; from elman import cli\ntry: cli.main(['cells'])\nexcept SystemExit: "
        "print(sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'torch'" not in loaded
    assert "'numpy'" not in loaded


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--bidirectional"], True),
        (["--no-bidirectional"], False),
        ([], None),
        (["--bidirectional", "False"], False),
    ],
)
def test_flags_that_may_be_left_open(given: list[str], expected: bool | None) -> None:
    from elman.tasks.classify import ClassifyOptions

    assert cli.read_options(ClassifyOptions, given, command="train classify").bidirectional is expected


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path: Path) -> None:
    command = (
        f'{sys.executable} -c \'from elman.cli import main; main(["train", "classify", "--help"])\' | head -1'
    )
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("usage: elman train classify")
    assert "BrokenPipeError" not in done.stderr
