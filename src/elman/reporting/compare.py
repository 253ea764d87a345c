"""`elman compare RUN RUN …`: several runs side by side, on a page and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elman.errors import ArgumentError, RunError, shown, wrong
from elman.reporting.blocks import Block, Cell, Chart, Grid, Note, Section, Table, as_cell, figure_cell
from elman.reporting.charts import COLOURS, add_line, bars, figure, range_words, series_of
from elman.reporting.page import check_page, page, write_page
from elman.reporting.parts import need
from elman.reporting.run import Run, read_run
from elman.train.display import shown_figure
from elman.train.sheet import Sheet

FEWEST, MOST = 2, 20
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")


def compare(*runs: str | Path, out: str | Path | None = None) -> Path:
    """Write a page that shows 2 to 20 runs side by side; returns its path.

    runs: run folders, which may be of several tasks. out: compare.html unless given.

    Raises `ArgumentError` for fewer or more, or the same twice; `RunError` for what is no run folder or for
    an `out` that cannot be written; `MissingError` without the extra "report".
    """
    path = Path("compare.html" if out is None else out)
    write_page(path, comparison_page(read_runs(runs, path)))
    return path


def read_runs(paths: Sequence[str | Path], out: Path) -> list[Run]:
    """The runs, their data left closed; everything is checked as `compare` says."""
    need(what="A page of runs side by side")
    check_page(out)
    if not FEWEST <= len(paths) <= MOST:
        got = shown(str(len(paths)))
        raise wrong(
            "runs", expected=f"{FEWEST} to {MOST} run folders", got=got, remedy="Name them one by one."
        )
    if len({Path(path).resolve() for path in paths}) < len(paths):
        raise ArgumentError("runs: expected different run folders, got one of them twice.")
    runs = [read_run(path, look=False) for path in paths]
    for run in runs:
        if not run.result and not run.history:
            raise RunError(
                f"{run.path}: expected a run with figures, got one without result.json and metrics.jsonl, "
                "as `save` writes it. Train it by `elman train` to compare it."
            )
    return runs


def comparison_page(runs: Sequence[Run]) -> str:
    """The page as HTML."""
    names = names_of(runs)
    sections = [
        Section("figures", "Figures", figure_blocks(runs, names)),
        Section("curves", "Learning curves", [_curves(runs, names)]),
        Section("options", "Options in which they differ", [_options(runs, names)]),
    ]
    title = f"{len(runs)} runs side by side"
    return page(title, ", ".join(str(run.path) for run in runs), sections)


def names_of(runs: Sequence[Run]) -> list[str]:
    """A name for each run: its folder's, or its path where two folders are called alike."""
    names = [run.name for run in runs]
    return [str(run.path) if names.count(run.name) > 1 else run.name for run in runs]


def terminal_table(runs: Sequence[Run]) -> Sheet:
    """The figures as the terminal shows them."""
    table = _table(runs, names_of(runs))
    return Sheet(table.columns, [[as_cell(cell).shown for cell in row] for row in table.rows])


def figure_blocks(runs: Sequence[Run], names: Sequence[str]) -> list[Block]:
    """The table, and for each headline the runs that have it as bars."""
    blocks: list[Block] = [_table(runs, names)]
    parts = {_last(run)[0] for run in runs}
    if len(parts) > 1:
        blocks.append(Note(f"Measured on different parts: {', '.join(sorted(parts))}.", "warning"))
    for headline in dict.fromkeys(run.headline for run in runs):
        values = {n: _last(run)[1].get(headline) for n, run in zip(names, runs, strict=True)}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) > 1:
            texts = [shown_figure(headline, value) for value in known.values()]
            words = "; ".join(f"{name} {text}" for name, text in zip(known, texts, strict=True))
            made = bars(list(known), list(known.values()), x=headline, shown=texts)
            made.update_traces(marker_color=COLOURS[0])
            blocks.append(Chart(f"{headline} of each run", made, f"{words}."))
    return blocks


def _last(run: Run) -> tuple[str, dict[str, Any]]:
    """(name, figures) of the part on which a run was measured in the end; of its best epoch before that."""
    if run.splits:
        return list(run.splits.items())[-1]
    best = [record for record in run.history if record["best"]][-1:] or run.history[-1:]
    split = "valid" if any(name.startswith("valid_") for name in best[0]) else "train"
    begin = f"{split}_"
    return split, {n.removeprefix(begin): v for n, v in best[0].items() if n.startswith(begin)}


def _table(runs: Sequence[Run], names: Sequence[str]) -> Table:
    figures = [_last(run) for run in runs]
    shared = dict.fromkeys(n for _, values in figures for n, v in values.items() if isinstance(v, float))
    rows: list[list[Any]] = []
    for name, run, (part, values) in zip(names, runs, figures, strict=True):
        weights = 0 if run.model is None else sum(p.numel() for p in run.model.module.parameters())
        seconds = run.result.get("seconds") or sum(record["seconds"] for record in run.history)
        speed = max((record["sequences_per_second"] for record in run.history), default=0.0)
        row = [name, run.task.name if run.task else "", str(run.settings.get("cell", "")), part]
        rows.append([*row, *(figure_cell(n, values.get(n)) for n in shared)])
        rows[-1] += [weights, len(run.history), Cell(f"{seconds:.1f}", seconds), Cell(f"{speed:,.0f}", speed)]
    header = ("Run", "Task", "Cell", "Part", *shared, "Weights", "Epochs", "Seconds", "Sequences/s")
    return Table("Figures of the last part of the data", header, rows)


def _curves(runs: Sequence[Run], names: Sequence[str]) -> Grid:
    """Loss and headlines for validation (else training), one line a run."""
    wanted = dict.fromkeys(["loss", *(run.headline for run in runs)])
    charts = []
    for split in ("valid", "train"):
        for name in wanted:
            made, words = figure(x="epoch", y=f"{split} {name.replace('_', ' ')}", height=360), []
            for place, (called, run) in enumerate(zip(names, runs, strict=True)):
                values = series_of(run.history, f"{split}_{name}")
                if any(value is not None for value in values):
                    epochs = series_of(run.history, "epoch")
                    line = {"color": COLOURS[place % len(COLOURS)], "dash": DASHES[place // len(COLOURS)]}
                    add_line(made, epochs, values, called, line=line)
                    words.append(range_words(called, epochs, values))
            if words:
                made.update_layout(showlegend=True)
                charts.append(
                    Chart(f"{split} {name.replace('_', ' ')} over the epochs", made, " ".join(words))
                )
    return Grid(charts)


def _options(runs: Sequence[Run], names: Sequence[str]) -> Table | Note:
    """The options that are not the same in all runs."""
    every = dict.fromkeys(option for run in runs for option in run.settings)
    settings = [{n: run.settings.get(n) for n in every} for run in runs]
    differ = [n for n in every if n != "out" and any(one[n] != settings[0][n] for one in settings)]
    if not differ:
        return Note("In none but the folder.")
    rows = [[n, *("" if one[n] is None else str(one[n]) for one in settings)] for n in differ]
    return Table("Options in which the runs differ", ("Option", *names), rows)
