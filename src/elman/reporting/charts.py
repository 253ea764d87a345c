"""Figures of plotly, as bare as can be; colours of text and grid are the page's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: distinct also to most who see colours otherwise, and on white and black alike (after Okabe and Ito 2008)
COLOURS = ("#0b84c6", "#e08214", "#1a9e77", "#c765a0", "#8f7ee0", "#b3a000", "#d1495b", "#6c8ea4")
SCALE = "Viridis"
HEIGHT = 320


def figure(*, x: str = "", y: str = "", height: int = HEIGHT, **layout: Any) -> Figure:
    """An empty figure with titled axes."""
    import plotly.graph_objects as go

    made = go.Figure()
    made.update_layout(
        template=go.layout.Template(),
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        colorway=list(COLOURS),
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0.0},
        hovermode="closest",
        **layout,
    )
    made.update_xaxes(title_text=x, automargin=True)
    made.update_yaxes(title_text=y, automargin=True)
    return made


def add_line(made: Figure, x: Sequence[Any] | np.ndarray, y: Any, name: str, **style: Any) -> None:
    """A line; points are shown on short ones, so that an only one is seen."""
    import plotly.graph_objects as go

    mode = style.pop("mode", "lines+markers" if len(x) <= 60 else "lines")
    made.add_trace(go.Scatter(x=_plain(x), y=_plain(y), name=name, mode=mode, **style))


def add_band(made: Figure, x: Any, low: Any, high: Any, name: str, *, colour: str, strength: float) -> None:
    """The area between two lines."""
    import plotly.graph_objects as go

    x, low, high = _plain(x), _plain(low), _plain(high)
    made.add_trace(
        go.Scatter(
            x=[*x, *reversed(x)],
            y=[*high, *reversed(low)],
            name=name,
            fill="toself",
            mode="lines",
            line={"width": 0},
            fillcolor=f"rgba({', '.join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))}, {strength})",
            hoverinfo="skip",
        )
    )


def bars(labels: Sequence[str], values: Sequence[float], *, x: str, shown: Sequence[str]) -> Figure:
    """Lying bars, the first on top, each with its value in figures."""
    import plotly.graph_objects as go

    made = figure(x=x, height=90 + 28 * len(labels))
    colours = [COLOURS[0] if place == 0 else COLOURS[7] for place in range(len(labels))]
    made.add_trace(
        go.Bar(
            y=list(labels),
            x=list(values),
            orientation="h",
            text=list(shown),
            textposition="outside",
            cliponaxis=False,
            marker_color=colours,
        )
    )
    made.update_yaxes(autorange="reversed", type="category")
    if max(values) > 0 and min(values) >= 0:
        made.update_xaxes(range=[0, 1.3 * max(values)])  # room for the figures behind the bars
    return made


def heat(
    values: Any,
    *,
    x: str,
    y: str,
    height: int = HEIGHT,
    columns: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
    **style: Any,
) -> Figure:
    """A matrix as colours; `rows` and `columns` name its lines."""
    import plotly.graph_objects as go

    made = figure(x=x, y=y, height=height)
    options: dict[str, Any] = {"colorscale": SCALE, "colorbar": {"thickness": 10, "outlinewidth": 0}, **style}
    made.add_trace(
        go.Heatmap(
            z=[_plain(row) for row in values],
            x=None if columns is None else list(columns),
            y=None if rows is None else list(rows),
            **options,
        )
    )
    if columns is not None:
        made.update_xaxes(type="category")
    if rows is not None:
        made.update_yaxes(type="category")
    return made


def range_words(name: str, x: Sequence[Any], values: Sequence[float | None]) -> str:
    """A line in words: where it begins and ends, and its least and largest value."""
    known = [(at, value) for at, value in zip(x, values, strict=True) if value is not None]
    if not known:
        return f"{name} has no values."
    (first, begin), (last, end) = known[0], known[-1]
    least, most = min(known, key=lambda pair: pair[1]), max(known, key=lambda pair: pair[1])
    return (
        f"{name} goes from {begin:.4g} at {first} to {end:.4g} at {last}, "
        f"least {least[1]:.4g} at {least[0]}, largest {most[1]:.4g} at {most[0]}."
    )


def series_of(records: Sequence[Mapping[str, Any]], name: str) -> list[float | None]:
    """A figure of each record, None where a record lacks it."""
    return [record.get(name) for record in records]


def _plain(values: Any) -> list[Any]:
    """Values as JSON has them, four digits of each number: pages stay small."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return [None if v != v else float(f"{v:.4g}") for v in values.tolist()]
    return values.tolist() if isinstance(values, np.ndarray) else list(values)
