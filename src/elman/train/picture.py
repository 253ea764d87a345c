"""Pictures as PNG files, and the learning curve among them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.train.durable import write_bytes

if TYPE_CHECKING:
    import numpy as np
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


def draw_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[Any]) -> Figure:
    """The confusion counts (rows: truth) as a picture; colours are shares of the row."""
    from matplotlib.colors import PowerNorm

    side = max(3.6, 0.5 * len(classes) + 1.8)
    picture = new_picture(side + 0.6, side)
    axes = picture.subplots()
    totals = [max(sum(row), 1) for row in confusion]
    shares = [[count / total for count in row] for row, total in zip(confusion, totals, strict=True)]
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))  # the root, so that rare mistakes show
    for k, row in enumerate(confusion):
        for j, count in enumerate(row):
            colour = "white" if shares[k][j] > 0.5 else "black"
            axes.text(j, k, str(count) if count else "·", ha="center", va="center", color=colour, fontsize=8)
    names = [str(label) for label in classes]
    long = max(len(name) for name in names) > 3
    axes.set_xticks(range(len(names)), names, rotation=90 if long else 0)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("prediction")
    axes.set_ylabel("truth")
    return picture


def draw_against(truth: np.ndarray, said: np.ndarray) -> Figure:
    """What was said (N,) against the truth (N,); on the line both are equal."""
    picture = new_picture(4.6, 4.2)
    axes = picture.subplots()
    ends = [min(truth.min(), said.min()), max(truth.max(), said.max())]
    axes.plot(ends, ends, color="0.6", linestyle="--")
    axes.scatter(truth, said, s=8, alpha=0.5)
    axes.set_xlabel("truth")
    axes.set_ylabel("prediction")
    axes.grid(alpha=0.3)
    return picture


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
