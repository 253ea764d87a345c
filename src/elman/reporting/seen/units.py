"""Gates, states, and the places where units are most active, as `elman inspect` found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from elman.reporting.blocks import Block, Chart, Grid, Marked, Note, Piece, Table, share_cell
from elman.reporting.charts import COLOURS, figure
from elman.reporting.results.inputs import input_chart

NUMBERS = 6  # features of a step up to which they are written out
Plain = Mapping[str, Any]


def gate_blocks(units: Sequence[Plain]) -> list[Block]:
    """Of each layer how open its gates are, and the ranges of its states."""
    blocks: list[Block] = []
    for layer in units:
        if layer["note"]:
            blocks.append(Note(f"{layer['title']}: {layer['note']}."))
        if layer["gates"]:
            blocks.append(_gates(layer))
            names = ("near_zero", "near_one", "shut", "open")
            rows = [[g["name"], g["mean"], *(share_cell(g[n]) for n in names)] for g in layer["gates"]]
            header = ("Gate", "Mean", "Near 0", "Near 1", "Units always shut", "Units always open")
            blocks.append(Table(f"Gates of {layer['title']}: share of time", header, rows))
        keys = ("name", "low", "high", "mean", "units", "still", "rank")
        rows = [[state[key] for key in keys] for state in layer["states"]]
        header = ("State", "From", "To", "Mean", "Units", "Still", "Effective rank")
        if rows:
            blocks.append(Table(f"States of {layer['title']}", header, rows))
        for what in ("saturated", "dead"):
            rows = [[name, share_cell(share)] for name, share in layer[what].items()]
            if rows:
                blocks.append(Table(f"{layer['title']}: {what} units", ("Of", "Share of the units"), rows))
    return blocks


def _gates(layer: Plain) -> Chart:
    """Shares of the time near 0, between, and near 1, as one bar a gate."""
    import plotly.graph_objects as go

    names = [gate["name"] for gate in layer["gates"]]
    shut = [gate["near_zero"] for gate in layer["gates"]]
    wide = [gate["near_one"] for gate in layer["gates"]]
    between = [1.0 - a - b for a, b in zip(shut, wide, strict=True)]
    made = figure(x="share of time", height=110 + 30 * len(names), barmode="stack")
    parts = (("near 0", shut, COLOURS[1]), ("between", between, COLOURS[7]), ("near 1", wide, COLOURS[0]))
    for name, values, colour in parts:
        made.add_trace(go.Bar(y=names, x=values, name=name, orientation="h", marker_color=colour))
    made.update_yaxes(autorange="reversed", type="category")
    made.update_layout(legend={"traceorder": "normal"})
    words = "; ".join(
        f"{n}: {a:.0%} near 0, {b:.0%} near 1" for n, a, b in zip(names, shut, wide, strict=True)
    )
    return Chart(f"How open the gates of {layer['title']} are", made, f"{words}.")


def active_blocks(found: Plain) -> list[Block]:
    """The places where units are most active, with what stands around, and the states nearest to them."""
    blocks: list[Block] = []
    charts: list[Chart] = []
    numbers: list[list[Any]] = []
    near = [*found["nearest"], *([None] * len(found["active"]))]
    for unit, others in zip(found["active"], near, strict=False):
        places = unit["places"]
        alike = [] if others is None else others["others"][:2]
        if places and isinstance(places[0]["here"], str):
            pieces = [piece for place in places for piece in _read(place)]
            if alike:
                pieces.append(Piece("nearest states to the first of them:\n"))
                pieces += [piece for place in alike for piece in _read(place)]
            title = f"Unit {unit['unit']}: where it is largest"
            blocks.append(Marked(title, "Coloured: the token read when it was.", pieces))
            continue
        charts += [_chart(unit["unit"], place) for place in places[:1]]
        for place in places:
            row = [str(unit["unit"]), place["sequence"], place["step"], place["value"]]
            numbers.append(row + _few(place["here"]))
    if charts:
        blocks.append(Grid(charts))
    if numbers:
        header = ("Unit", "Sequence", "Step", "Value", "Read there")[: len(numbers[0])]
        blocks.append(Table("Steps at which units are largest", header, numbers))
    return blocks


def _chart(unit: int, place: Plain) -> Chart:
    """The steps around a place, its own framed."""
    steps = np.array([*place["before"], place["here"], *place["after"]])
    title = f"Unit {unit} is largest in the framed step {place['step']} of sequence {place['sequence']}"
    first = place["step"] - len(place["before"])
    return input_chart(steps.reshape(len(steps), -1), title, first=first, marked=place["step"])


def _read(place: Plain) -> list[Piece]:
    """A line of text with the token in question coloured."""
    tokens = [*place["before"], place["here"], *place["after"]]
    space = "" if all(len(token) <= 1 for token in tokens) else " "
    before, after = (space.join(_seen(token) for token in place[side]) for side in ("before", "after"))
    where = f"sequence {place['sequence']}, step {place['step']}: {place['value']:.3g}"
    here = Piece(_seen(place["here"]), 1.0, where)
    return [Piece(f"{before}{space}"), here, Piece(f"{space}{after}   ({where})\n")]


def _seen(token: str) -> str:
    return token.replace("\n", "⏎")


def _few(values: Any) -> list[str]:
    """What was read as one cell, where it is not too much to be read."""
    listed = values if isinstance(values, list) else [values]
    return [" ".join(f"{value:.3g}" for value in listed)] if len(listed) <= NUMBERS else []
