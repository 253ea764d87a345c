"""The scripts on classify: what they run and report, on the smallest real data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.learning import evidence, japanese_vowels
from benchmarks.learning.classified import run


def test_a_run_is_the_command() -> None:
    done = run("--data digits --cell gru --hidden 8 --epochs 2", quiet=True)
    assert 0.05 < done.accuracy <= 1
    assert done.seconds > 0
    assert done.settings["epochs"] == 2
    assert done.best_baseline[0] == "summary features"
    assert done.best_baseline[1] == done.baselines["summary features"]["accuracy"]


@pytest.mark.data
def test_a_script_reports_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evidence, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", ["japanese_vowels", "--seeds", "2", "--extra=--epochs 1 --hidden 8"])
    japanese_vowels.main()
    record = json.loads((tmp_path / "japanese_vowels.json").read_text())
    assert len(record["each"]) == 2
    first = record["figures"][0]
    assert first["value"] == pytest.approx(50 * sum(record["each"]))
    assert first["target"] == 98.2
    assert not first["reached"]
    assert "best simple rule: summary features, 98." in capsys.readouterr().out
