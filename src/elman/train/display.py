"""What the loop says: nothing (`Display`), or a progress bar and a line for each epoch (`RichDisplay`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

EVERY_SECONDS = 0.1
NETWORK = "the network"  # begins the name of a row among the baselines that is of the network itself


class Display:
    """Says nothing; the base of what does."""

    def start(self, epochs: int, steps: int, done: int, unit: str = "sequences") -> None:
        """Training of `epochs` begins, with `done` of `steps` behind it; speed is in `unit` a second."""

    def step(self, epoch: int, step: int, figures: Mapping[str, float], sequences: int) -> None:
        """A step is done; `figures` are means over the epoch so far, `sequences` those of this step."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """An epoch is done; `record` is its line of metrics.jsonl."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def stop(self) -> None:
        """Training has ended, in whatever way."""


class Displays(Display):
    """Several displays, each told everything."""

    def __init__(self, *displays: Display) -> None:
        self._displays = displays

    def start(self, epochs: int, steps: int, done: int, unit: str = "sequences") -> None:
        for display in self._displays:
            display.start(epochs, steps, done, unit)

    def step(self, epoch: int, step: int, figures: Mapping[str, float], sequences: int) -> None:
        for display in self._displays:
            display.step(epoch, step, figures, sequences)

    def epoch(self, record: Mapping[str, Any]) -> None:
        for display in self._displays:
            display.epoch(record)

    def note(self, text: str) -> None:
        for display in self._displays:
            display.note(text)

    def stop(self) -> None:
        for display in self._displays:
            display.stop()


class RichDisplay(Display):
    """A progress bar with loss, figure, speed and time left, and a line for each epoch."""

    def __init__(self, console: Console, headline: str = "accuracy") -> None:
        self._console = console
        self._headline = headline
        self._epochs, self._unit = 0, "sequences"
        self._shown = self._since = 0.0
        self._sequences = 0
        self._bar: Progress | None = None

    def start(self, epochs: int, steps: int, done: int, unit: str = "sequences") -> None:
        self._epochs, self._unit = epochs, unit
        if not self._console.is_terminal:
            return
        bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]}  {task.fields[figure]}  {task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=self._console,
            transient=True,
            refresh_per_second=8,
        )
        bar.add_task("", total=steps, completed=done, epoch=1, epochs=epochs, loss="…", figure="", speed="")
        bar.start()
        self._bar = bar
        self._since = time.perf_counter()

    def step(self, epoch: int, step: int, figures: Mapping[str, float], sequences: int) -> None:
        if self._bar is None:
            return
        self._sequences += sequences
        now = time.perf_counter()
        if now - self._shown < EVERY_SECONDS:
            return
        speed = self._sequences / max(now - self._since, 1e-9)
        self._shown = self._since = now
        self._sequences = 0
        self._bar.update(
            self._bar.task_ids[0],
            completed=step,
            epoch=epoch,
            loss=f"{figures['loss']:.4f}",
            figure=_figure(self._headline, figures.get(self._headline)),
            speed=f"{speed:,.0f} {self._unit}/s",
        )

    def epoch(self, record: Mapping[str, Any]) -> None:
        parts = [f"epoch {record['epoch']:>{len(str(self._epochs))}}/{self._epochs}"]
        for split in ("train", "valid"):
            if f"{split}_loss" in record:
                figure = _figure(self._headline, record.get(f"{split}_{self._headline}"))
                parts.append(f"{split} loss {record[f'{split}_loss']:.4f} {figure}")
        parts.append(f"{record['sequences_per_second']:,.0f} {self._unit}/s")
        parts.append(f"{record['seconds']:.1f} s")
        self.note("  ".join(parts) + ("  [green]best so far[/green]" if record["best"] else ""))

    def note(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _figure(name: str, value: float | None) -> str:
    return "" if value is None else f"{name} {shown_figure(name, value)}"


def row_name(rule: str) -> str:
    """What tables call a row that stands among the baselines."""
    return rule if rule.startswith(NETWORK) else f"baseline: {rule}"


def shown_figure(name: str, value: float | None) -> str:
    """A figure as tables show it: shares of what is right in percent."""
    if value is None:
        return ""
    return f"{value:.2%}" if name.endswith("accuracy") else f"{value:.4f}"
