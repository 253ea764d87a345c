"""The gradient on its way back through time, while training and after, and how far a state matters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from elman.reporting.blocks import Block, Cell, Chart, Grid, Table
from elman.reporting.charts import COLOURS, add_band, add_line, figure, heat

MOST_MOMENTS, MOST_ROWS = 120, 128  # columns and rows of the picture
Plain = Mapping[str, Any]


def flow_blocks(records: Sequence[Plain]) -> list[Block]:
    """Step of the sequence × training time, for each layer; nothing where it was not measured."""
    layers = {(layer["module"], layer["title"]): None for record in records for layer in record["layers"]}
    return [Grid([_picture(records, module, title) for module, title in layers])] if layers else []


def _picture(records: Sequence[Plain], module: str, title: str) -> Chart:
    """Colours: the median over the sequences, by powers of ten."""
    records = records[:: -(-len(records) // MOST_MOMENTS)]
    columns = [_medians(record, module, title) for record in records]
    steps = 1 + max((place for column in columns for place in column), default=0)
    every = -(-steps // MOST_ROWS)
    made = heat(
        list(zip(*(_filled(column, range(0, steps, every)) for column in columns), strict=True)),
        x="update",
        y="step of the sequence",
        columns=[f"{record['step']:,}" for record in records],
        y0=0,
        dy=every,
        colorbar={"thickness": 10, "outlinewidth": 0, "title": {"text": "log10"}},
        hovertemplate="update %{x}, step %{y}: 10^%{z:.1f}<extra></extra>",
    )
    made.update_yaxes(autorange="reversed")
    made.update_xaxes(nticks=12)
    begin, end = (pick(columns[-1], default=0) for pick in (min, max))
    first, last = columns[-1].get(begin, 0.0), columns[-1].get(end, 0.0)
    words = f"At the last measurement it is {first:.3g} at step {begin}, {last:.3g} at step {end}."
    return Chart(f"{title}: size of the gradient at each step while it was trained", made, words)


def _filled(column: Mapping[int, float], rows: range) -> list[float | None]:
    """The powers of a column at all rows up to its last place, each that of the place nearest to it."""
    places = sorted(column)
    if not places:
        return [None] * len(rows)
    nearest = (min(places, key=lambda place, row=row: abs(place - row)) for row in rows)
    return [
        _power(column[place]) if row <= places[-1] else None for row, place in zip(rows, nearest, strict=True)
    ]


def _medians(record: Plain, module: str, title: str) -> dict[int, float]:
    for layer in record["layers"]:
        if (layer["module"], layer["title"]) == (module, title):
            return dict(zip(layer["places"], layer["median"], strict=True))
    return {}


def _power(value: float | None) -> float | None:
    return None if value is None or value <= 0 else round(math.log10(value), 2)


def found_blocks(flows: Sequence[Plain]) -> list[Block]:
    """The gradient in the trained network by steps before the end: median, and 10 % to 90 %."""
    charts = []
    for flow in flows:
        back = flow["by_lag"]
        if back["places"]:
            words = f"It reaches {flow['reach']} of {flow['steps']} steps back before it is lost."
            charts.append(
                _profile(back, f"{flow['title']}: gradient of the loss in the trained network", words)
            )
    return [Grid(charts)] if charts else []


def memory_blocks(found: Plain) -> list[Block]:
    """How long a state matters, measured and as the spectrum has it."""
    rows: list[list[Any]] = []
    charts = []
    for flow, measured, implied in zip(found["flows"], found["influences"], found["spectra"], strict=False):
        steps = f"{measured['horizon']}{' or more' if measured['whole'] else ''}"
        infinite = implied["horizon"] is None
        horizon = Cell("never ends", math.inf) if infinite else implied["horizon"]
        row = [flow["title"], flow["reach"], Cell(steps, measured["horizon"]), horizon]
        rows.append([*row, _first(implied["exponents"]), _first(implied["singular"])])
        words = f"It falls below {measured['share']:g} after {steps} steps."
        if measured["profile"]["places"]:
            title = f"{flow['title']}: influence of earlier states on the last"
            charts.append(_profile(measured["profile"], title, words))
    if not rows:
        return []
    header = (
        "Layer", "Gradient reaches", "Memory, measured", "Memory, of the spectrum", "Largest exponent",
        "Largest singular value",
    )  # fmt: skip
    return [Table("Memory in steps", header, rows), Grid(charts)]


def _first(values: Sequence[float]) -> float | None:
    return values[0] if values else None


def _profile(profile: Plain, title: str, words: str) -> Chart:
    """Median and quantiles on a scale of powers of ten."""
    made = figure(x="steps before the end", y="size", height=280)
    places = profile["places"]
    low, median, high = ([value or None for value in profile[name]] for name in ("low", "median", "high"))
    if all(low) and all(high):
        add_band(made, places, low, high, "10 % to 90 %", colour=COLOURS[0], strength=0.25)
    add_line(made, places, median, "median", mode="lines", line={"color": COLOURS[0]})
    sizes = [value for value in (*low, *median, *high) if value]
    decades = math.log10(max(sizes) / min(sizes)) if sizes else 0.0
    ticks = "D2" if decades < 2 else max(1, round(decades / 6))  # 1, 2 and 5, or every so many powers of ten
    made.update_yaxes(type="log", exponentformat="power", dtick=ticks)
    made.update_xaxes(autorange="reversed", dtick=1 if len(places) <= 10 else None)
    return Chart(title, made, words)
