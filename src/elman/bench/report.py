"""The tables on the screen and the JSON on disk."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from elman.bench.record import Figure, Row
from elman.bench.timing import MatrixRate

BUSY = 0.2  # spread of torch.mm's times beyond which the figures are not to be trusted
FORMAT = 2  # of the JSON; raised when a field changes its meaning


def geometric_means(rows: Sequence[Row], figure: str = "ratio") -> dict[str, float]:
    """The geometric mean of a figure by kind of row and mode, over the cases that have it."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        if figure in row.figures:
            groups.setdefault(f"{row.what} {row.mode}", []).append(row.figures[figure].value)
    return {name: math.exp(math.fsum(map(math.log, v)) / len(v)) for name, v in groups.items()}


def where(machine: Mapping[str, Any], mm_rate: float) -> str:
    """In one line, what the figures depend on."""
    m = machine
    commit = (m["commit"] or m["elman"])[:10] + (" with changes" if m["dirty"] else "")
    return (
        f"{m['cpu']}, {m['cores']} cores, {m['isa']}, engine {m['engine']}; "
        f"{m['threads']} threads, {m['dtype']}; torch {m['torch']}, elman {commit}; "
        f"torch.mm 1024³ {mm_rate:.0f} GF/s"
    )


def screen(machine: Mapping[str, Any], mm: MatrixRate, tables: Iterable[RenderableType], note: str) -> Group:
    """What is shown while it runs and at its end: where it runs, the tables, and `note`."""
    shown: list[RenderableType] = [Text(where(machine, mm.rate())), *tables, Text(note, style="dim")]
    if mm.spread() > BUSY:
        busy = f"The machine was busy: torch.mm's own rate varied by {mm.spread():.0%}. Measure once more."
        shown.append(Text(busy, style="yellow"))
    return Group(*shown)


def table(rows: Sequence[Row], means: Mapping[str, Figure] | None = None, title: str | None = None) -> Table:
    """Times are medians in ms. A figure is green where it is what it ought to be, red where it is not.

    means: by kind of row and mode, below the rows in the column `ratio`.
    """
    times = list(dict.fromkeys(name for row in rows for name in row.times))
    figures = list(dict.fromkeys(name for row in rows for name in (*row.figures, *row.notes)))
    figures = [name for name in figures if name not in times]
    made = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    made.add_column("layer", min_width=11)
    for name in ("mode", "BxTxIxH"):
        made.add_column(name, no_wrap=True)
    for name in times:
        made.add_column(f"{name} ms", justify="right", min_width=6)
    for name in figures:
        made.add_column(name, justify="right", min_width=5)
    if not (times or figures):
        made.add_column("")
    for row in rows:
        what = [row.what, row.mode, str(row.shape)]
        cells = [_time(row, name) for name in times] + [_figure(row, name) for name in figures]
        made.add_row(*what, *(["[red]wrong[/]", *cells[1:]] if row.wrong else cells))
    for number, (name, mean) in enumerate((means or {}).items()):
        if number == 0:
            made.add_section()
        what, mode = name.rsplit(" ", 1)
        cells = ["" for _ in times] + [_coloured(mean) if name == "ratio" else "" for name in figures]
        made.add_row(what, mode, "geometric mean", *cells, style="bold")
    return made


def _time(row: Row, name: str) -> str:
    if name in row.times:
        return f"{row.times[name].median * 1e3:.2f}"
    return row.notes.get(name, "")


def _figure(row: Row, name: str) -> str:
    if name in row.figures:
        return _coloured(row.figures[name])
    return row.notes.get(name, "")


def _coloured(figure: Figure) -> str:
    colour = {True: "green", False: "red", None: ""}[figure.met]
    return f"[{colour}]{figure}[/]" if colour else str(figure)


def document(
    sections: Mapping[str, Sequence[Row]],
    machine: Mapping[str, Any],
    mm: MatrixRate,
    quick: bool,
    **more: Any,
) -> dict[str, Any]:
    """All that was measured, with what it depends on. Times are in seconds, rates in GF/s, memory in MB."""
    return {
        "format": FORMAT,
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": dict(machine),
        "mm_gflops_per_second": mm.rate(),
        "mm_spread": mm.spread(),
        "sections": {name: [row.as_json() for row in rows] for name, rows in sections.items()},
        **more,
    }


def name_of(content: Mapping[str, Any]) -> str:
    """The name of its file: day, time and commit."""
    moment = datetime.fromisoformat(content["measured"]).strftime("%Y%m%d-%H%M%S")
    commit = (content["machine"]["commit"] or "unknown")[:10]
    dirty = "-dirty" if content["machine"]["dirty"] else ""
    return f"{moment}-{commit}{dirty}{'-quick' if content['quick'] else ''}.json"


def save(content: Mapping[str, Any], path: Path) -> Path:
    """Writes the file beside its place, then moves it there; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(draft, path)
    return path
