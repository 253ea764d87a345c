"""`--log tensorboard`: what training says, as event files that TensorBoard reads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from elman.errors import missing
from elman.train.display import Display

EVERY_SECONDS = 1.0
NOT_DRAWN = ("epoch", "step", "best", "rank")


def check_tensorboard() -> None:
    """Raise `MissingError` unless TensorBoard is installed; asked before training."""
    if find_spec("tensorboard") is None:
        raise missing("tensorboard", extra="report", what="--log tensorboard")


class TensorBoardDisplay(Display):
    """Writes the means over the epoch so far, once a second, and all figures of each epoch, by update.

    folder: where the event files go; those of a run that goes on are added.
    """

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))
        self._written = 0.0

    def step(self, epoch: int, step: int, figures: Mapping[str, float], sequences: int) -> None:
        now = time.perf_counter()
        if now - self._written < EVERY_SECONDS:
            return
        self._written = now
        for name, value in figures.items():
            self._writer.add_scalar(f"epoch so far/{name}", value, step)

    def epoch(self, record: Mapping[str, Any]) -> None:
        for name, value in record.items():
            if name not in NOT_DRAWN:
                split, _, figure = name.partition("_")
                place = f"{figure}/{split}" if split in ("train", "valid") else f"training/{name}"
                self._writer.add_scalar(place, value, record["step"])
        self._writer.flush()

    def stop(self) -> None:
        self._writer.close()
