"""Inside the network: the gradient on its way back through time, and what `elman inspect` found."""

from __future__ import annotations

import math
from typing import Any

from elman.reporting.blocks import Block, Chart, Grid, Note, Section
from elman.reporting.charts import heat
from elman.reporting.run import Run

MOST_MOMENTS = 120  # columns of the picture


def inside_sections(run: Run) -> list[Section]:
    """The sections on gradients, or how to get them."""
    return [_flow(run)]


def _flow(run: Run) -> Section:
    title = "The gradient through time"
    if not run.flow:
        remedy = "Train with --flow 100, which measures it every 100 updates, to see it here."
        return Section("flow", title, [Note(f"It was not measured while this run was trained. {remedy}")])
    layers = {(layer["module"], layer["title"]): None for record in run.flow for layer in record["layers"]}
    blocks: list[Block] = [Grid([_layer(run, module, said) for module, said in layers])]
    return Section("flow", title, blocks)


def _layer(run: Run, module: str, said: str) -> Chart:
    """Step of the sequence × training time, colour: median over the sequences, by powers of ten."""
    every = -(-len(run.flow) // MOST_MOMENTS)
    records = run.flow[::every]
    found = [_of(record, module, said) for record in records]
    places = sorted({place for layer in found for place in layer["places"]})
    columns = [dict(zip(layer["places"], layer["median"], strict=True)) for layer in found]
    values = [[_power(column.get(place)) for column in columns] for place in places]
    made = heat(
        values,
        x="update",
        y="step of the sequence",
        columns=[f"{record['step']:,}" for record in records],
        rows=[str(place) for place in places],
        colorbar={"thickness": 10, "outlinewidth": 0, "title": {"text": "log10"}},
        hovertemplate="update %{x}, step %{y}: 10^%{z:.1f}<extra></extra>",
    )
    made.update_yaxes(autorange="reversed")
    first, last = columns[-1].get(places[0]), columns[-1].get(places[-1])
    words = f"At the last measurement it is {first or 0:.3g} at the first step, {last or 0:.3g} at the last."
    return Chart(f"{said}: size of the gradient of the loss at each step", made, words)


def _of(record: dict[str, Any], module: str, said: str) -> dict[str, Any]:
    for layer in record["layers"]:
        if (layer["module"], layer["title"]) == (module, said):
            return layer
    return {"places": [], "median": []}


def _power(value: float | None) -> float | None:
    return None if value is None or value <= 0 else round(math.log10(value), 2)
