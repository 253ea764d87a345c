"""The table on the screen and the JSON on disk."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.runner import Row
from benchmarks.timing import MatrixRate

BUSY = 0.2  # spread of torch.mm's times beyond which the figures are not to be trusted
FORMAT = 1  # of the JSON; raised when a field changes its meaning


def geometric_means(rows: list[Row]) -> dict[str, float]:
    """How many times as fast as torch.nn, by layer and mode, over the cases that were timed."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row.ratio is not None:
            groups.setdefault(f"{row.case.kind} {row.case.mode}", []).append(row.ratio)
    return {name: _geometric_mean(ratios) for name, ratios in groups.items()}


def _geometric_mean(values: list[float]) -> float:
    product = 1.0
    for value in values:
        product *= value
    return product ** (1 / len(values))


def where(machine: dict[str, Any], mm_rate: float) -> str:
    """In one line, what the figures depend on."""
    m = machine
    commit = (m["commit"] or "unknown")[:10] + (" with changes" if m["dirty"] else "")
    return (
        f"{m['cpu']}, {m['cores']} cores, {m['isa']}, engine {m['engine']}; "
        f"{m['threads']} threads, {m['dtype']}; torch {m['torch']}, elman {commit}; "
        f"torch.mm 1024³ {mm_rate:.0f} GF/s"
    )


def screen(rows: list[Row], machine: dict[str, Any], mm: MatrixRate, note: str) -> Group:
    """What is shown while it runs and at its end: where it runs, the table, and `note`."""
    shown = [Text(where(machine, mm.rate())), table(rows), Text(note, style="dim")]
    if mm.spread() > BUSY:
        busy = f"The machine was busy: torch.mm's own rate varied by {mm.spread():.0%}. Measure once more."
        shown.append(Text(busy, style="yellow"))
    return Group(*shown)


def table(rows: list[Row]) -> Table:
    """Times are medians; `ratio` above 1: elman is faster; `of mm`: elman's rate as a share of torch.mm's."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("layer", "mode", "BxTxIxH"):
        made.add_column(name, no_wrap=True)
    for name in ("torch ms", "elman ms", "ratio", "GF/s", "of mm"):
        made.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        made.add_row(*_cells(row))
    if len(rows) > 1:
        made.add_section()
        for name, mean in geometric_means(rows).items():
            made.add_row(*name.split(), "geometric mean", "", "", f"{mean:.2f}", "", "", style="bold")
    return made


def _cells(row: Row) -> list[str]:
    what = [row.case.kind, row.case.mode, str(row.case.shape)]
    if row.ratio is None:
        return [*what, "", "[red]wrong[/]", "", "", ""]
    ours, theirs = row.libraries["elman"], row.libraries["torch"]
    return [
        *what,
        f"{theirs.median * 1e3:.2f}",
        f"{ours.median * 1e3:.2f}",
        f"[{'green' if row.ratio >= 1 else 'red'}]{row.ratio:.2f}[/]",
        f"{ours.gflops_per_second:.0f}",
        f"{ours.share_of_mm:.0%}",
    ]


def document(rows: list[Row], machine: dict[str, Any], mm: MatrixRate, quick: bool) -> dict[str, Any]:
    """All that was measured, with what it depends on. Times are in seconds, rates in GF/s."""
    return {
        "format": FORMAT,
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine,
        "mm_gflops_per_second": mm.rate(),
        "mm_spread": mm.spread(),
        "geometric_means": geometric_means(rows),
        "rows": [row.as_json() for row in rows],
    }


def save(content: dict[str, Any], folder: Path) -> Path:
    """Writes a new file, named by day, time and commit, and says where."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = datetime.fromisoformat(content["measured"]).strftime("%Y%m%d-%H%M%S")
    commit = (content["machine"]["commit"] or "unknown")[:10]
    dirty = "-dirty" if content["machine"]["dirty"] else ""
    path = folder / f"{moment}-{commit}{dirty}{'-quick' if content['quick'] else ''}.json"
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(draft, path)
    return path
