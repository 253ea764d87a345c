"""Pictures as PNG files, and the learning curve among them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.train.durable import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_learning_curve(path: Path, history: Sequence[Mapping[str, Any]], figure: str, title: str) -> None:
    """Loss and `figure` over the epochs, for training and validation; the best epoch is marked."""
    from matplotlib.ticker import MaxNLocator

    picture = new_picture()
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
    save_picture(path, picture)


def new_picture(width: float = 9.0, height: float = 3.6) -> Figure:
    """An empty figure of so many inches, drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(picture)
    return picture


def save_picture(path: Path, picture: Figure) -> None:
    """Write a figure as a PNG, whole or not at all."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png")
    write_bytes(path, buffer.getvalue())
