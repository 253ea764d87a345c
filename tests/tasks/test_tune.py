"""Tuning: it finds better options, goes on with its study, shares it, and ends what is hopeless."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from elman.errors import ArgumentError, RunError
from elman.tasks import tune as tuning
from elman.tasks.classify import ClassifyOptions
from elman.tasks.tune import BEST, STUDY, tune
from elman.train.loop import fit
from elman.train.options import from_mapping
from elman.train.toml import read_toml

FIXED: dict[str, Any] = {
    "data": "digits",
    "cell": "gru",
    "hidden_size": 6,
    "epochs": 2,
    "batch_size": 64,
    "bidirectional": False,
    "dropout": 0.0,
}


def run(folder: Path, trials: int, search: tuple[str, ...], **changes: Any) -> tuple[str, dict[str, Any]]:
    said, best = attempt(folder, trials, search, **changes)
    assert best is not None
    return said, best


def attempt(
    folder: Path, trials: int, search: tuple[str, ...], **changes: Any
) -> tuple[str, dict[str, Any] | None]:
    said = io.StringIO()
    console = Console(file=said, width=200)
    options = ClassifyOptions(**{**FIXED, **changes}, out=str(folder))
    best = tune("classify", options, console, trials=trials, given=tuple(FIXED), search=search)
    return said.getvalue(), best


@pytest.mark.slow
def test_it_finds_the_learning_rate_and_goes_on(tmp_path: Path) -> None:
    said, best = run(tmp_path / "study", 5, ("learning_rate", "weight_decay"))
    lines = [line for line in said.splitlines() if line.startswith("trial ")]
    assert len(lines) == 5
    rates = [float(line.split("learning_rate ")[1].split(",")[0]) for line in lines]
    figures = [float(line.split("accuracy ")[1].split(",")[0]) for line in lines]
    # after two epochs the smallest step of the five has not learned what the best has
    assert figures[rates.index(min(rates))] < max(figures)
    assert best["learning_rate"] == pytest.approx(rates[figures.index(max(figures))], rel=0.01)
    assert "best trials" in said
    assert "importance of each option" in said
    assert f"elman train classify --config {tmp_path}/study/{BEST}" in said.replace("\n  ", " ")
    options = from_mapping(ClassifyOptions, read_toml(tmp_path / "study" / BEST), origin="best.toml")
    assert options.data == "digits"
    assert options.learning_rate == best["learning_rate"]
    assert options.out is None

    again, _ = run(tmp_path / "study", 6, ("learning_rate", "weight_decay"))
    assert [line.split(":")[0] for line in again.splitlines() if line.startswith("trial ")] == ["trial 5"]
    nothing_left, same = run(tmp_path / "study", 6, ("learning_rate", "weight_decay"))
    assert "trial 6" not in nothing_left
    assert same["learning_rate"] > 0

    with pytest.raises(RunError) as error:
        run(tmp_path / "study", 7, ("learning_rate",), hidden_size=7)
    assert str(error.value) == (
        "out: expected a study of the same task, data and options, got "
        f"'{tmp_path}/study', which differs in options, search. Name another folder by --out."
    )


def test_a_trial_behind_the_median_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "FIRST", 1)
    said, _ = run(tmp_path, 4, ("learning_rate",), epochs=3)
    ended = [line for line in said.splitlines() if "ended after epoch" in line]
    assert 1 <= len(ended) < 4
    assert f"{4 - len(ended)} trials to the end, {len(ended)} ended early." in said
    assert (tmp_path / STUDY).is_file()


@pytest.mark.slow
def test_two_processes_share_a_study(tmp_path: Path) -> None:
    fixed = ["--data", "digits", "--cell", "gru", "--hidden", "6", "--epochs", "2", "--no-bidirectional"]
    command = [sys.executable, "-m", "elman.cli", "tune", "classify", *fixed, "--trials", "6"]
    command += ["--search", "learning_rate,batch_size", "--out", str(tmp_path)]
    environment = {**os.environ, "COLUMNS": "80", "OMP_NUM_THREADS": "1"}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    said = [process.communicate(timeout=100)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    numbers = [int(number) for text in said for number in re.findall(r"^trial (\d+): ", text, re.MULTILINE)]
    assert sorted(numbers) == list(range(len(numbers)))  # each trial was one process's
    assert 6 <= len(numbers) <= 7
    tried = [one for text in said for one in re.findall(r"^trial \d+: (.*?): ", text, re.MULTILINE)]
    assert len(set(tried)) == len(tried) == len(numbers)  # one of them alone drew by the seed
    assert all("best trials" in text and "importance of each option" in text for text in said)
    figures = [float(f) for text in said for f in re.findall(r"accuracy (0\.\d+)", text)]
    last = max(said, key=lambda text: int(re.findall(r"(\d+) trials to the end", text)[0]))
    best = re.findall(r"│ +\d+ │ +(0\.\d+) │", last)[0]
    assert float(best) == max(figures)


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0

    def interrupted(*arguments: Any, **keywords: Any) -> Any:
        nonlocal begun
        begun += 1
        if begun == 3:
            signal.raise_signal(signal.SIGINT)
        return fit(*arguments, **keywords)

    monkeypatch.setattr(tuning, "fit", interrupted)
    said, best = attempt(tmp_path, 4, ("learning_rate",))
    assert best is None
    assert "Stopping the trial under way; once more stops at once." in said
    assert "Stopped; 2 trials are kept. The same command goes on with them." in said
    assert "trial 2" not in said
    said, _ = run(tmp_path, 4, ("learning_rate",))
    assert [line.split(":")[0] for line in said.splitlines() if line.startswith("trial ")] == [
        "trial 3",
        "trial 4",
    ]
    assert "4 trials to the end, 0 ended early." in said


@pytest.mark.parametrize(
    ("search", "changes", "trials", "expected"),
    [
        (("learning-rat",), {}, 3, "search: unknown name 'learning-rat'. Did you mean 'learning_rate'?"),
        (("epochs",), {}, 3, "search: unknown name 'epochs'. Valid: batch_size,"),
        (("dropout",), {}, 3, "search: expected options that are not given a value too, got 'dropout'."),
        ((), {"validation_share": 0.0}, 3, "validation_share: expected validation data to compare trials by"),
        ((), {}, 0, "trials: expected a whole number of 1 or more, got 0."),
        ((), {"data": "digit"}, 3, "data: unknown name 'digit'. Did you mean 'digits'?"),
    ],
)
def test_bad_input(
    tmp_path: Path, search: tuple[str, ...], changes: dict[str, Any], trials: int, expected: str
) -> None:
    with pytest.raises(ArgumentError) as error:
        run(tmp_path / "study", trials, search, **changes)
    assert str(error.value).startswith(expected)
    assert not (tmp_path / "study").exists()
