"""The learning curve as a PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.train.durable import write_bytes


def draw_learning_curve(path: Path, history: Sequence[Mapping[str, Any]], figure: str, title: str) -> None:
    """Loss and `figure` over the epochs, for training and validation; the best epoch is marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    picture = Figure(figsize=(9, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(picture)
    epochs = [record["epoch"] for record in history]
    best = [record["epoch"] for record in history if record["best"]][-1:]
    for axes, name in zip(picture.subplots(1, 2), ("loss", figure), strict=True):
        for split, colour in (("train", "tab:blue"), ("valid", "tab:orange")):
            if history and f"{split}_{name}" in history[0]:
                values = [record[f"{split}_{name}"] for record in history]
                axes.plot(epochs, values, marker=".", color=colour, label=split)
        for epoch in best:
            axes.axvline(epoch, color="0.6", linestyle=":", label="best epoch")
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    picture.suptitle(title)
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())
