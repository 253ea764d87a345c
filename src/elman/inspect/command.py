"""`elman inspect RUN`: what was found as tables, and whole in inspect.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from elman.inspect.places import Place
from elman.inspect.run import Inspection, inspect_run
from elman.train.durable import write_json
from elman.train.run_folder import INSPECTION

SHOWN = 12  # rows of a table over time
NUMBERS = 6  # features of a step up to which they are written out
BARS, MOST_BARS = "▁▂▃▄▅▆▇█", 28


def inspect(run: str, console: Console, **asked: Any) -> Inspection:
    """Inspect, print, and write inspect.json into the run folder; arguments as of `inspect_run`."""
    found = inspect_run(run, **asked)
    path = Path(run) / INSPECTION
    write_json(path, found.plain())
    show(found, console)
    console.print(f"written to {path}", highlight=False, soft_wrap=True)
    return found


def show(found: Inspection, console: Console) -> None:
    """Print all sections that there are."""
    if found.data:
        looked = f"{found.task} on {found.data}: {found.sequences:,} sequences, {found.steps:,} steps"
        console.print(looked, highlight=False, markup=False, soft_wrap=True)
    if found.flows:
        console.print(_memory(found))
        console.print(_flow(found))
    for units in found.units:
        if units.gates:
            console.print(_gates(units))
        console.print(_states(units))
        if units.note:
            console.print(units.note, highlight=False)
    if found.active:
        console.print(_active(found))
    if found.nearest:
        console.print(_nearest(found))
    for attribution in found.attributions:
        console.print(_attribution(attribution))
    for note in found.notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    if not found.findings:
        where = "" if found.data else " in what the training recorded"
        console.print(f"[green]doctor: nothing found{where}[/green]")
    for finding in found.findings:
        console.print(Text("doctor: ", style="bold yellow") + Text(str(finding)), soft_wrap=True)


def _table(title: str, *columns: str, left: int = 1) -> Table:
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < left else "right")
    return table


def _memory(found: Inspection) -> Table:
    share = found.influences[0].share
    table = _table(
        "memory, in steps: how far back the gradient of the loss reaches, and how long a state matters "
        f"(until its influence is below {share:g})",
        "",
        "gradient",
        "measured",
        "spectrum",
        "exponent",
        "singular value",
    )
    for flow, measured, implied in zip(found.flows, found.influences, found.spectra, strict=True):
        steps, count = flow.reach(), len(flow.by_lag().places)
        table.add_row(
            flow.title,
            f"{steps} of {count}",
            f"{measured.horizon}{'+' if measured.whole else ''}",
            "∞" if implied.horizon is None else str(implied.horizon),
            f"{implied.exponents[0]:+.4f}" if implied.exponents else "",
            f"{implied.singular[0]:.3f}" if implied.singular else "",
        )
    return table


def _flow(found: Inspection) -> Table:
    table = _table(
        "gradient of the loss, and influence, by steps before the end (medians)",
        "steps before",
        *(f"{kind} {flow.title}" for flow in found.flows for kind in ("gradient", "influence")),
    )
    flows = [flow.by_lag() for flow in found.flows]
    sides = [dict(zip(back.places, back.median, strict=True)) for back in flows]
    reached = [
        dict(zip(entry.profile.places, entry.profile.median, strict=True)) for entry in found.influences
    ]
    longest = max((len(back.places) for back in flows), default=0)
    for lag in _spread(longest):
        values = [side.get(lag) for pair in zip(sides, reached, strict=True) for side in pair]
        table.add_row(str(lag), *("" if value is None else f"{value:.3g}" for value in values))
    return table


def _spread(count: int) -> list[int]:
    """At most `SHOWN` numbers from 0 to count - 1, evenly spaced."""
    if count <= SHOWN:
        return list(range(count))
    return sorted({round(place * (count - 1) / (SHOWN - 1)) for place in range(SHOWN)})


def _gates(units: Any) -> Table:
    title = f"gates of {units.title}: share of time near 0 and 1; of units always so"
    table = _table(title, "gate", "near 0", "near 1", "mean", "always shut", "always open")
    for gate in units.gates:
        shares = (gate.near_zero, gate.near_one)
        always = (gate.shut, gate.open)
        table.add_row(
            gate.name, *(f"{s:.1%}" for s in shares), f"{gate.mean:.3f}", *(f"{s:.1%}" for s in always)
        )
    return table


def _states(units: Any) -> Table:
    table = _table(f"states of {units.title}", "state", "from", "to", "mean", "units", "still", "rank")
    for state in units.states:
        numbers = (f"{state.low:.3f}", f"{state.high:.3f}", f"{state.mean:.3f}")
        table.add_row(state.name, *numbers, str(state.units), str(state.still), f"{state.rank:.1f}")
    for what, shares in (("saturated", units.saturated), ("dead", units.dead)):
        for name, share in shares.items():
            table.add_row(f"{name}, {what} units", "", "", "", f"{share:.1%}", "", "")
    return table


def _active(found: Inspection) -> Table:
    table = _table("where units of the last layer are most active", "unit", "at", "read there", left=3)
    for unit in found.active:
        for place in unit.places:
            at = f"sequence {place.sequence}, step {place.step} ({place.value:+.3f})"
            table.add_row(str(unit.unit), at, _reading(place))
    return table


def _nearest(found: Inspection) -> Table:
    title = "states nearest to where these units are most active"
    table = _table(title, "unit", "distance", "read there", left=3)
    for unit, near in zip(found.active, found.nearest, strict=True):
        for place in (near.place, *near.others[:2]):
            distance = "" if place is near.place else f"{place.value:.3f}"
            table.add_row(str(unit.unit) if not distance else "", distance, _reading(place))
    return table


def _reading(place: Place) -> Text:
    """What stands at a place in bold, between what stands around it."""
    if not isinstance(place.here, str):
        return Text(_numbers(place.here), overflow="ellipsis", no_wrap=True)
    space = "" if all(len(token) <= 1 for token in (*place.before, place.here, *place.after)) else " "
    text = Text(space.join(_visible(place.before)))
    text.append(f"{space}{_visible([place.here])[0]}{space}", style="bold reverse")
    return text.append(space.join(_visible(place.after)))


def _visible(tokens: Sequence[str]) -> list[str]:
    return [token.replace("\n", "⏎") for token in tokens]


def _numbers(values: Any) -> str:
    """A step's features: a few as numbers, many as bars between the least and the largest of them."""
    listed = np.ravel(values).tolist()
    if len(listed) <= NUMBERS:
        return " ".join(f"{value:.3g}" for value in listed)
    low, high = min(listed), max(listed)
    wide = -(-len(listed) // MOST_BARS)  # features of one bar
    kept = [max(listed[start : start + wide]) for start in range(0, len(listed), wide)]
    heights = (round((value - low) / (high - low or 1.0) * (len(BARS) - 1)) for value in kept)
    return "".join(BARS[height] for height in heights) + f" {low:.2g} to {high:.2g}"


def _attribution(entry: Any) -> Table:
    title = (
        f"sequence {entry.sequence}, answer {entry.answer}: score {entry.score:.4g}, of zeros "
        f"{entry.baseline:.4g}; integrated gradients leave {entry.gap:.2g} open"
    )
    table = _table(title, "step", "read", "integrated gradients", "occlusion", left=2)
    order = sorted(range(len(entry.integrated)), key=lambda t: -abs(entry.integrated[t]))[:SHOWN]
    for step in sorted(order):
        read = entry.inputs[step]
        text = _visible([read])[0] if isinstance(read, str) else _numbers(read)
        table.add_row(str(step), Text(text), f"{entry.integrated[step]:+.4f}", f"{entry.occluded[step]:+.4f}")
    return table
