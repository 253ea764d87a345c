"""Tuning: it finds better options, goes on with its study, shares it, and ends what is hopeless."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from elman.errors import ArgumentError, RunError
from elman.tasks import tune as tuning
from elman.tasks.classify import ClassifyOptions
from elman.tasks.tune import BEST, STUDY, tune
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
