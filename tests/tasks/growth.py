"""Private memory that `elman train` (of texts: classify, of tokens: tag, of numbers: series, rolls), reading
a table of series (read) or of steps (steps), or making windows of one (windows), takes for a large file
beyond that for a small one, in bytes.

python growth.py TASK SMALL LARGE OUT
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from elman.data import (
    conll,
    filling,
    frequency,
    idx_files,
    npz,
    panel,
    row_order,
    sequences,
    spilled,
    steps,
    table_files,
    text_store,
)
from elman.data.batches import sorted_batches
from elman.data.columns import Columns
from elman.data.source import read_file
from elman.data.tagged import StepColumns
from elman.data.tagged_tables import read_steps
from elman.tasks import jobs
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.forecast import TASK
from elman.tasks.forecasting import features
from elman.tasks.forecasting.options import ForecastOptions
from elman.tasks.pooled import learner as pooled
from elman.tasks.tagging import network as tagging
from elman.tasks.tagging.options import TagOptions


def private() -> int:
    """Bytes that no file stands behind: what is mapped from a store can be dropped and does not count."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def peak_of(job: Callable[[], object]) -> int:
    """The most private memory that there is while a job is done, beyond that before."""
    before = most = private()
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, private())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        job()
    finally:
        done.set()
        watcher.join()
    return most - before


def peak(task: str, data: str, out: Path) -> int:
    """The most private memory while a model is trained, or a table read."""
    return private() + peak_of(lambda: do(task, data, out))


def do(task: str, data: str, out: Path) -> None:
    """Train a model, or read a table."""
    if task == "read":
        held = read_file(Path(data), Columns())
        assert len(held[0]) > 0
    elif task == "steps":
        tagged = read_steps(Path(data), StepColumns())
        assert len(tagged[0]) > 0
    elif task == "windows":
        windows(data)
    elif task in ("series", "rolls"):
        train_numbers(task, data, out)
    else:
        train(task, data, out)


def windows(data: str) -> None:
    """All that is done with series before they are trained on, and a batch of their windows."""
    options = ForecastOptions(data=data, target="y", known="HUFL", horizon=24, lookback=48, hidden_size=8)
    splits, options = TASK.read(options)
    options = TASK.choose(options, splits)
    learner = TASK.prepare(options, splits)[1]
    assert learner.fingerprint()
    assert len(learner.fetch(learner.batches(1)[0]).history) == options.batch_size


def train(task: str, data: str, out: Path) -> None:
    """A small network, for a moment."""
    given: dict[str, Any] = {
        "max_vocabulary": 1000,
        "embedding_size": 8,
        "hidden_size": 8,
        "max_seconds": 0.1,
    }
    given |= {"data": data, "out": str(out), "header": "no", "validation_share": 0.02, "test_share": 0.02}
    if task == "classify":
        options: Any = ClassifyOptions(
            text_column="3", label_column="1", tokens="whitespace", max_steps=10, baselines=False, **given
        )
    else:
        options = TagOptions(token_column="1", label_column="2", character_size=4, **given)
    jobs.train(task, options, Console(quiet=True))


def train_numbers(task: str, data: str, out: Path) -> None:
    """The same of files of numbers."""
    given: dict[str, Any] = {"hidden_size": 4, "max_seconds": 0.1, "baselines": False, "test_share": 0.05}
    given |= {"data": data, "out": str(out)}
    if task == "rolls":
        jobs.train("tag", TagOptions(**given), Console(quiet=True))
    else:
        jobs.train("classify", ClassifyOptions(**given), Console(quiet=True))


if __name__ == "__main__":
    table_files.PIECE = text_store.BLOCK = 1 << 18
    conll.ROWS, steps.BLOCK = 5_000, 20_000
    filling.BLOCK = frequency.BLOCK = panel.BLOCK = row_order.BLOCK = 20_000
    features.PIECE = features.LARGE = 20_000
    spilled.LARGE = npz.LARGE = 0
    spilled.PIECE = npz.PIECE = idx_files.PIECE = sequences.PIECE = 1 << 18
    pooled.sorted_batches = tagging.sorted_batches = partial(sorted_batches, steps=2_000)
    task, small, large, folder = *sys.argv[1:4], Path(sys.argv[4])
    before = peak(task, small, folder / "small")
    print(peak(task, large, folder / "large") - before)
