"""Evidence: a figure is judged unrounded, kept whole, and shown beside its target."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.learning import __main__ as program
from benchmarks.learning import evidence
from benchmarks.learning.evidence import Figure, report


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
        "| what | measured | target | beside it | command |\n| --- | --- | --- | --- | --- |\n"
        "| mnist: accuracy | 0.9871 (missed) | ≥ 0.9910 | torch 99.1 % | "
        "`elman train classify --data mnist` |\n"
        "| mnist: seconds | 51.2000 | ≤ 60.0000 |  | `elman train classify --data mnist` |\n\n"
        f"{program.END}\nafter\n"
    )


def test_an_unknown_script(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["mnst"])
    assert "no script 'mnst'" in capsys.readouterr().err
