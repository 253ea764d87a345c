"""Pictures of labels for steps: how well each is found, and a roll of several labels over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from elman.train.picture import new_picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BARS = 40  # labels, the most frequent first
MOST_STEPS = 300  # of a roll


def draw_labels(by_label: Sequence[Mapping[str, Any]]) -> Figure:
    """F1 of each label as bars, the most frequent label first, with its number of steps."""
    frequent = sorted(by_label, key=lambda row: -row["steps"])
    listed = [row for row in frequent if row["steps"]][:MOST_BARS]
    picture = new_picture(9.0, 1.2 + 0.24 * max(len(listed), 4))
    axes = picture.subplots()
    places = np.arange(len(listed))
    axes.barh(places, [row["f1"] for row in listed], color="tab:blue")
    axes.set_yticks(places, [f"{row['label']}  ({row['steps']:,})" for row in listed])
    for place, row in zip(places.tolist(), listed, strict=True):
        axes.annotate(f"{row['f1']:.1%}", (row["f1"], place), (3, 0), textcoords="offset points", va="center")
    axes.invert_yaxis()
    axes.set_xlim(0.0, 1.12)
    axes.set_xlabel("F1")
    axes.grid(axis="x", alpha=0.3)
    axes.set_title("each label (steps that have it)")
    return picture


def draw_roll(truth: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> Figure:
    """The labels (T, K) of one sequence above the probabilities (T, K) given to them."""
    truth, probabilities = truth[:MOST_STEPS], probabilities[:MOST_STEPS]
    used = np.flatnonzero(truth.any(0) | (probabilities > 0.1).any(0))
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, truth.shape[1] - 1)
    shown = slice(first, last + 1)
    picture = new_picture(10.0, 6.0)
    rows = picture.subplots(2, 1, sharex=True)
    images = []
    for axes, values, title in zip(rows, (truth, probabilities), ("truth", "probability"), strict=True):
        images.append(
            axes.imshow(values[:, shown].T, origin="lower", aspect="auto", cmap="Greys", vmin=0, vmax=1)
        )
        ticks = range(0, last + 1 - first, max(1, (last + 1 - first) // 12))
        axes.set_yticks(list(ticks), [names[first + tick] for tick in ticks])
        axes.set_title(title)
    rows[1].set_xlabel("step")
    picture.colorbar(images[1], ax=rows)
    return picture
