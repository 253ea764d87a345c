"""elman report, elman compare and elman train --watch, as a user types them."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from elman import cli


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        cli.main(arguments)
    return int(ending.value.code or 0)


def test_report_and_compare_say_where_the_page_is(
    digits: Path, digits_rnn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("report", str(digits), "--out", f"{tmp_path}/one.html") == 0
    assert f"report written to {tmp_path}/one.html" in capsys.readouterr().out
    assert call("compare", str(digits), str(digits_rnn), "--out", f"{tmp_path}/both.html") == 0
    said = capsys.readouterr().out
    assert re.search(r"│ gru +│ +classify", said)
    assert f"page written to {tmp_path}/both.html" in said
    assert {path.name for path in tmp_path.iterdir()} == {"one.html", "both.html"}


def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("report", f"{tmp_path}/none") == 2
    assert "run: expected a run folder" in capsys.readouterr().err
    assert call("compare", f"{tmp_path}/none") == 2
    assert "runs: expected 2 to 20 run folders, got 1. Name them one by one." in capsys.readouterr().err


def test_a_port_in_use_stops_before_the_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        given = (
            "train",
            "classify",
            "--data",
            "digits",
            "--out",
            f"{tmp_path}/run",
            "--watch",
            "--port",
            port,
        )
        assert call(*given) == 2
    assert f"port: expected a free port of this machine (0 for any), got {port}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_training_watched_and_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = (
        "--hidden",
        "4",
        "--epochs",
        "1",
        "--no-baselines",
        "--watch",
        "--port",
        "0",
        "--log",
        "tensorboard",
    )
    assert call("train", "classify", "--data", "digits", "--out", f"{tmp_path}/run", *small) == 0
    assert re.search(r"watch it at http://127\.0\.0\.1:\d+/", capsys.readouterr().out)
    assert len(list((tmp_path / "run" / "tensorboard").glob("events.*"))) == 1
    assert "watch = true" not in (tmp_path / "run" / "config.toml").read_text()
