"""Event files: what training said, read back by TensorBoard itself."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from elman.errors import MissingError
from elman.train import tensorboard
from elman.train.display import Displays
from elman.train.tensorboard import TensorBoardDisplay, check_tensorboard


def test_the_figures_are_in_the_event_files(tmp_path: Path) -> None:
    display = Displays(TensorBoardDisplay(tmp_path))
    display.start(2, 20, 0)
    display.step(1, 1, {"loss": 2.5, "accuracy": 0.25}, 32)
    display.step(1, 2, {"loss": 2.0}, 32)  # within the same second
    for epoch in (1, 2):
        record = {"epoch": epoch, "step": 10 * epoch, "train_loss": 1.0 / epoch, "valid_accuracy": 0.5}
        display.epoch({**record, "learning_rate": 0.004, "best": True, "rank": 0.5})
    display.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found = EventAccumulator(str(tmp_path)).Reload()
    assert set(found.Tags()["scalars"]) == {
        "epoch so far/loss", "epoch so far/accuracy", "loss/train", "accuracy/valid",
        "training/learning_rate",
    }  # fmt: skip
    assert [(event.step, event.value) for event in found.Scalars("loss/train")] == [(10, 1.0), (20, 0.5)]
    assert [(event.step, event.value) for event in found.Scalars("epoch so far/loss")] == [(1, 2.5)]


def test_without_tensorboard_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(
        MissingError, match=r"--log tensorboard needs the package tensorboard.*elman\[report\]"
    ):
        check_tensorboard()
