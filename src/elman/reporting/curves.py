"""Learning curves: every figure of the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from elman.reporting.blocks import Block, Chart, Grid, Note, Section, Table
from elman.reporting.charts import COLOURS, add_line, figure, range_words, series_of
from elman.reporting.run import Run

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

OTHERS = {
    "gradient_norm": "Gradient norm, before it is clipped",
    "learning_rate": "Learning rate at the end of the epoch",
}


def learning_curves(run: Run) -> Section:
    """Loss and headline for training and validation, gradient norm, learning rate; all figures as a table."""
    history = run.history
    if not history:
        return Section("curves", "Learning curves", [Note("No epoch has ended yet.")])
    charts = [curve(history, name) for name in dict.fromkeys(("loss", run.headline)) if _known(history, name)]
    epochs = series_of(history, "epoch")
    for name, title in OTHERS.items():
        values = series_of(history, name)
        made = figure(x="epoch", y=name.replace("_", " "))
        add_line(made, epochs, values, name, showlegend=False)
        made.update_yaxes(exponentformat="power")
        _whole(made, epochs)
        charts.append(Chart(title, made, range_words(title, epochs, values)))
    shown = [name for name in history[-1] if name not in ("best", "rank")]
    rows = [[record.get(name) for name in shown] for record in history]
    blocks: list[Block] = [Grid(charts)]
    blocks.append(Table("All figures of the epochs", [n.replace("_", " ") for n in shown], rows, folded=True))
    return Section("curves", "Learning curves", blocks)


def curve(history: Sequence[Mapping[str, Any]], name: str) -> Chart:
    """A figure over the epochs, for training and validation; the best epoch is marked."""
    said = name.replace("_", " ")
    made = figure(x="epoch", y=said)
    epochs, words = series_of(history, "epoch"), []
    for split, colour in (("train", COLOURS[0]), ("valid", COLOURS[1])):
        values = series_of(history, f"{split}_{name}")
        if any(value is not None for value in values):
            dash = "solid" if split == "train" else "dash"
            add_line(made, epochs, values, split, line={"color": colour, "dash": dash})
            words.append(range_words(f"{split} {said}", epochs, values))
    best = [record["epoch"] for record in history if record["best"]][-1:]
    for epoch in best:
        made.add_vline(x=epoch, line_width=1, line_dash="dot", line_color="gray")
        words.append(f"The best epoch is {epoch}.")
    _whole(made, epochs)
    return Chart(f"{said.capitalize()} over the epochs (dotted: the best)", made, " ".join(words))


def _whole(made: Figure, epochs: Sequence[Any]) -> None:
    """Ticks at whole epochs."""
    made.update_xaxes(tickformat="d", dtick=1 if len(epochs) <= 10 else None)


def _known(history: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(f"{split}_{name}" in history[-1] for split in ("train", "valid"))
