"""The progress bar and the lines of the epochs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from elman.train import display
from elman.train.display import RichDisplay

RECORD = {
    "epoch": 3,
    "train_loss": 0.5,
    "train_accuracy": 0.25,
    "valid_loss": 0.75,
    "valid_accuracy": 1.0,
    "sequences_per_second": 1234.5,
    "seconds": 2.25,
    "best": True,
}


def shown(*, terminal: bool) -> str:
    """What a training of 12 epochs with 10 steps shows."""
    out = io.StringIO()
    bar = RichDisplay(Console(file=out, force_terminal=terminal, width=150, color_system=None))
    bar.start(12, 120, 20)
    bar.step(3, 60, {"loss": 1.25, "accuracy": 0.5}, 32)
    bar.epoch(RECORD)
    bar.stop()
    return out.getvalue()


LINE = (
    "epoch  3/12  train loss 0.5000 accuracy 25.00%  valid loss 0.7500 accuracy 100.00%  "
    "1,234 sequences/s  2.2 s  best so far\n"
)


def test_a_file_gets_a_line_an_epoch() -> None:
    assert shown(terminal=False) == LINE


def test_a_terminal_gets_a_bar_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "EVERY_SECONDS", 0.0)
    seen = shown(terminal=True)
    assert LINE in seen.replace("\r", "")
    assert "epoch 3/12" in seen
    assert "loss 1.2500  accuracy 50.00%" in seen
    assert "left" in seen
