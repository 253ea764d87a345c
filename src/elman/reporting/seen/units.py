"""Gates, states, and the places where units are most active, as `elman inspect` found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from elman.reporting.blocks import Block, Chart, Grid, Marked, Note, Piece, Table, share_cell
from elman.reporting.charts import COLOURS, figure
from elman.reporting.results.inputs import input_chart, rows_of

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
    made.update_xaxes(range=[0, 1], tickformat=".0%")
    made.update_layout(legend={"traceorder": "normal"})
    words = "; ".join(
        f"{n}: {a:.0%} near 0, {b:.0%} near 1" for n, a, b in zip(names, shut, wide, strict=True)
    )
    return Chart(f"How open the gates of {layer['title']} are", made, f"{words}.")


def active_blocks(found: Plain) -> list[Block]:
    """The places where units are most active, with what stands around, and the states nearest to them."""
    near = [*found["nearest"], *([None] * len(found["active"]))]
    pairs = [
        (unit, [] if others is None else others["others"])
        for unit, others in zip(found["active"], near, strict=False)
        if unit["places"]
    ]
    if pairs and isinstance(pairs[0][0]["places"][0]["here"], str):
        return [_tokens(unit, others) for unit, others in pairs]
    return _numbers(pairs) if pairs else []


def _tokens(unit: Plain, others: Sequence[Plain]) -> Marked:
    pieces = [piece for place in unit["places"] for piece in _read(place)]
    if others:
        pieces.append(Piece("Nearest states to the first of them, with their distance:\n"))
        pieces += [piece for place in others[:2] for piece in _read(place)]
    return Marked(
        f"Unit {unit['unit']}: where it is largest", "Coloured: the token read when it was.", pieces
    )


def _numbers(pairs: Sequence[tuple[Plain, Sequence[Plain]]]) -> list[Block]:
    """The first place of each unit drawn, and the state nearest to it; all of them as tables."""
    largest, alike, drawn, drawn_alike = [], [], [], []
    for unit, others in pairs:
        name = str(unit["unit"])
        largest += [[name, p["sequence"], p["step"], p["value"], *_few(p["here"])] for p in unit["places"]]
        alike += [[name, p["sequence"], p["step"], p["value"], *_few(p["here"])] for p in others]
        first = unit["places"][0]
        drawn.append(_chart(f"Unit {name} is largest in the framed step {_at(first)}", first))
        if others:
            title = f"The state nearest to that of unit {name}: step {_at(others[0])}"
            drawn_alike.append(_chart(title, others[0]))
    ends = ["Read there"][: len(largest[0]) - 4]
    blocks: list[Block] = [Grid(drawn)]
    blocks.append(
        Table("Steps at which units are largest", ("Unit", "Sequence", "Step", "Value", *ends), largest)
    )
    if alike:
        header = ("Unit", "Sequence", "Step", "Distance", *ends)
        caption = "States nearest to that of the first of these steps"
        blocks += [Grid(drawn_alike), Table(caption, header, alike, folded=True)]
    return blocks


def _at(place: Plain) -> str:
    return f"{place['step']} of sequence {place['sequence']}"


def _chart(title: str, place: Plain) -> Chart:
    """The steps around a place, its own framed."""
    steps, wide = rows_of([*place["before"], place["here"], *place["after"]])
    first = wide * (place["step"] - len(place["before"]))
    return input_chart(steps, title, first=first, marked=wide * place["step"], wide=wide)


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
    listed = np.ravel(values).tolist()
    return [" ".join(f"{value:.3g}" for value in listed)] if len(listed) <= NUMBERS else []
