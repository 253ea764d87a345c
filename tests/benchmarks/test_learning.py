"""Evidence: a figure is judged unrounded, kept whole, and shown beside its target."""

from __future__ import annotations

import json
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.learning import __main__ as program
from benchmarks.learning import evidence
from benchmarks.learning.evidence import Evidence, Figure, report, run
from elman.cli import read_options
from elman.tasks import task_named


def test_a_figure_is_judged_unrounded() -> None:
    assert Figure("accuracy", 0.991, 0.991).reached
    assert not Figure("accuracy", 0.99096, 0.991, digits=3).reached
    assert Figure("mse", 0.352, 0.352, lower=True).reached
    assert not Figure("mse", 0.3521, 0.352, lower=True).reached


def test_what_was_measured_is_kept_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (evidence, program):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    figures = [Figure("accuracy", 0.9871, 0.991, source="torch 99.1 %"), Figure("seconds", 51.2, 60.0, True)]
    report("mnist", "elman train classify --data mnist", figures, seed=3)
    kept = json.loads((tmp_path / "mnist.json").read_text())
    assert kept["figures"][0]["value"] == 0.9871
    assert [figure["reached"] for figure in kept["figures"]] == [False, True]
    assert kept["seed"] == 3
    assert kept["machine"]
    assert kept["commit"]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{program.BEGIN}\nold\n{program.END}\nafter\n")
    assert program.main(["--write", str(page)]) == 0
    assert page.read_text() == (
        f"before\n{program.BEGIN}\n\n"
        "| script | figure | measured | target | beside it | command |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| `mnist` | accuracy | 0.9871 (missed) | ≥ 0.9910 | torch 99.1 % | "
        "`elman train classify --data mnist` |\n"
        "|  | seconds | 51.2000 | ≤ 60.0000 |  |  |\n\n"
        f"{program.END}\nafter\n"
    )


@pytest.mark.parametrize("name", program.scripts())
def test_every_script_declares_a_command_that_can_be_typed(name: str) -> None:
    script = import_module(f"benchmarks.learning.{name}")
    declared: Evidence = script.EVIDENCE
    assert declared.name == name
    assert declared.wanted or script.main
    assert (script.__doc__ or "").strip()
    words = shlex.split(declared.command.format(data="data"))
    assert words[:2] == ["elman", "train"]
    read_options(task_named(words[2]).options, words[3:], command="train")


def test_a_script_trains_as_a_user_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evidence, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["digits", "--extra", "--epochs 1", "--seeds", "2", "--first", "3"])
    command = "elman train classify --data digits --hidden 4"
    wanted = (evidence.accuracy(100.0), evidence.seconds(60.0))
    run(Evidence("digits", command, wanted, seeds=3))
    kept = json.loads((tmp_path / "digits.json").read_text())
    assert kept["command"] == f"{command} --epochs 1"
    assert [result["settings"]["seed"] for result in kept["results"]] == [3, 4]
    mean = sum(100 * result["test"]["accuracy"] for result in kept["results"]) / 2
    assert kept["figures"][0]["value"] == pytest.approx(mean)
    assert [figure["reached"] for figure in kept["figures"]] == [False, True]
    assert "missed" in capfd.readouterr().out


def test_an_unknown_script(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["mnst"])
    assert "no script 'mnst'" in capsys.readouterr().err
