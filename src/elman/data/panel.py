"""Panel: series on a regular grid of stamps; what is missing is filled by a named rule and remembered.

Dimensions: N series, S steps of all series one after the other, C targets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from elman.data.filling import fill
from elman.data.frequency import Frequency, frequency_named, infer_frequency
from elman.data.panel_tables import SeriesColumns, SeriesTable
from elman.errors import DataError

GATHER = ("mean", "last", "sum")  # how several stamps within one step of the grid become one value


@dataclass(frozen=True)
class Panel:
    """Series on a grid.

    ids: N names ("" for the one series of a table without a column of names).
    starts, lengths: (N,) rows of each series. ends: (N,) its steps up to the last value of a target; those
        behind are known ahead only. first: (N,) the grid's step of its first row.
    values, observed: (S, C) targets in float64, filled, and whether the value was there.
    numbers: name -> (S,) float64, filled. categories: name -> ((S,) int64, their names); -1 is missing.
    absent: name -> (S,) bool, where a covariate was missing before it was filled.
    """

    ids: tuple[str, ...]
    starts: np.ndarray
    lengths: np.ndarray
    ends: np.ndarray
    first: np.ndarray
    frequency: Frequency
    values: np.ndarray
    observed: np.ndarray
    columns: SeriesColumns
    time_type: pl.DataType
    source: str
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    categories: dict[str, tuple[np.ndarray, tuple[str, ...]]] = field(default_factory=dict)
    absent: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def steps(self) -> np.ndarray:
        """(S,) the grid's step of each row."""
        within = np.arange(len(self.values)) - np.repeat(self.starts, self.lengths)
        return np.repeat(self.first, self.lengths) + within

    def stamp_column(self, steps: np.ndarray, name: str) -> pl.Series:
        """The grid's steps as stamps, in the type that the table had."""
        stamps = self.frequency.stamps(steps)
        kind = self.time_type
        if isinstance(kind, pl.Datetime) and kind.time_zone:
            local = pl.Series(name, stamps).cast(pl.Datetime("us"))
            return local.dt.replace_time_zone(kind.time_zone, ambiguous="earliest", non_existent="null").cast(
                kind
            )
        return pl.Series(name, stamps).cast(kind if kind != pl.String else pl.Datetime("us"))

    def name_of(self, series: int) -> str:
        """What messages call a series."""
        return f"series {self.ids[series]!r}" if self.ids[series] else "the series"


def build_panel(
    table: SeriesTable,
    *,
    frequency: str | Frequency | None = None,
    filling: str = "forward",
    irregular: str = "refuse",
    sort: bool = False,
    ahead: int = 0,
) -> Panel:
    """The table's series on their grid.

    frequency: a name (`frequency_named`), a grid, or None to infer it from the most frequent distance.
    filling: a rule of `elman.data.filling`. irregular: "refuse", or how stamps beside the grid are gathered
        into its steps: mean, last, sum (of numbers; of categories the last).
    sort: rows may come in any order. ahead: steps to be appended behind the last value of each series, for
        covariates known ahead; those that the table has already are kept.

    Raises `DataError` that names the row for unsorted or duplicate stamps, stamps beside the grid, and a
    series without any value.
    """
    table = _sorted(table, sort=sort)
    ids = table.series.unique(maintain_order=True)
    codes = table.series.replace_strict(ids, np.arange(len(ids))).to_numpy()
    breaks = np.diff(codes) != 0
    if isinstance(frequency, Frequency):
        grid = frequency
    else:
        grid = (
            frequency_named(frequency, table.stamps) if frequency else infer_frequency(table.stamps, breaks)
        )
    if grid is None:
        raise DataError(
            f"{table.source}: expected series of two rows or more, got one row each. "
            "Check the columns of series and time, or name the frequency."
        )
    steps, regular = grid.place(table.stamps)
    notes = [
        *table.notes,
        f"frequency {grid.name} ({'named' if frequency else 'the most frequent distance'})",
    ]
    gathered = _gathered(table, codes, steps, regular, grid, irregular, notes)
    return _laid_out(gathered, tuple(ids.to_list()), grid, table, filling, ahead, notes)


def _sorted(table: SeriesTable, *, sort: bool) -> SeriesTable:
    """Rows series by series; raises `DataError` for the first stamp out of order or seen twice."""
    ids = table.series.unique(maintain_order=True)
    codes = table.series.replace_strict(ids, np.arange(len(ids))).to_numpy()
    rows = np.lexsort((table.stamps, codes)) if sort else np.argsort(codes, kind="stable")
    stamps, ordered = table.stamps[rows], codes[rows]
    wrong = np.flatnonzero((np.diff(ordered) == 0) & (stamps[1:] <= stamps[:-1]))
    if len(wrong) == 0:
        return table.select(rows)
    before, row = int(rows[wrong[0]]) + table.first_row, int(rows[wrong[0] + 1]) + table.first_row
    name = ids[int(ordered[wrong[0]])]
    where = f" of series {name!r}" if name else ""
    stamp, former = stamps[wrong[0] + 1], stamps[wrong[0]]
    if stamp == former:
        raise DataError(
            f"{table.source}: expected each stamp{where} once, got {_shown(stamp)} in the rows {before} and "
            f"{row}. "
            "Remove one of them, or name the column that tells the series apart (id_column)."
        )
    raise DataError(
        f"{table.source}: expected the stamps{where} in order, got {_shown(stamp)} in row {row} "
        f"behind {_shown(former)}. Sort the table, or let it be done: sort=True (--sort)."
    )


def _gathered(
    table: SeriesTable,
    codes: np.ndarray,
    steps: np.ndarray,
    regular: np.ndarray,
    grid: Frequency,
    irregular: str,
    notes: list[str],
) -> pl.DataFrame:
    """The table's values with the columns _series and _step, one row for each step."""
    frame = table.values.with_columns(pl.Series("_series", codes), pl.Series("_step", steps))
    if irregular == "refuse":
        if not regular.all():
            row = int((~regular).argmax())
            raise DataError(
                f"{table.source}: expected stamps {grid.name} apart, got {_shown(table.stamps[row])} beside "
                "that "
                f"grid ({int((~regular).sum()):,} of {len(regular):,} stamps). Name the frequency, or how "
                "stamps "
                f"are gathered into its steps: irregular={', '.join(GATHER)}."
            )
        return frame
    if not regular.all():
        notes.append(
            f"{int((~regular).sum()):,} of {len(regular):,} stamps lie beside the grid: "
            f"gathered into its steps ({irregular})"
        )
    rules = [
        getattr(pl.col(name), irregular)()
        if kind == pl.Float64 and irregular != "last"
        else pl.col(name).last()
        for name, kind in table.values.schema.items()
    ]
    if irregular == "sum":  # of nothing, nothing is known
        rules = [
            pl.when(pl.col(n).is_not_null().any()).then(rule) if k == pl.Float64 else rule
            for rule, (n, k) in zip(rules, table.values.schema.items(), strict=True)
        ]
    return frame.group_by("_series", "_step", maintain_order=True).agg(rules)


def _laid_out(
    frame: pl.DataFrame,
    ids: tuple[str, ...],
    grid: Frequency,
    table: SeriesTable,
    filling: str,
    ahead: int,
    notes: list[str],
) -> Panel:
    """Every row at its place on the grid, with holes filled."""
    columns = table.columns
    codes, steps = frame["_series"].to_numpy(), frame["_step"].to_numpy().astype(np.int64)
    begins = np.searchsorted(codes, np.arange(len(ids)))
    first, last = steps[begins], steps[np.append(begins[1:], len(steps)) - 1]
    targets = frame.select(columns.targets).to_numpy()
    there = ~np.isnan(targets)
    lasts = np.full(len(ids), -1, dtype=np.int64)
    np.maximum.at(lasts, codes[there.any(1)], steps[there.any(1)])
    ends = np.maximum(lasts - first + 1, 0)
    for series in np.flatnonzero((lasts < first) | (ends == 0)):
        called = f"series {ids[series]!r}" if ids[series] else "the series"
        raise DataError(f"{table.source}: expected values of {columns.targets[0]!r}, got none for {called}.")
    lengths = np.maximum(last - first + 1, ends + ahead if ahead else 0)
    _check_spread(int(lengths.sum()), len(frame), grid, table.source)
    starts = np.cumsum(lengths) - lengths
    places = starts[codes] + steps - first[codes]
    values = np.full((int(lengths.sum()), len(columns.targets)), np.nan)
    values[places] = targets
    observed = ~np.isnan(values)
    past = np.arange(len(values)) - np.repeat(starts, lengths) < np.repeat(ends, lengths)
    for c, name in enumerate(columns.targets):
        missing = int((~observed[:, c] & past).sum())
        if missing:
            notes.append(
                f"{name!r}: {missing:,} of {int(past.sum()):,} values missing: filled in the inputs "
                f"(fill {filling}), never counted as truth"
            )
        values[:, c] = fill(
            values[:, c],
            starts,
            filling,
            grid.season,
            where=f"{table.source}: column {name!r}",
            relevant=past,
        )
    numbers, categories, absent = {}, {}, {}
    for name in columns.covariates:
        laid, known = _covariate(frame[name], places, len(values))
        absent[name] = ~known
        missing = int((~known & past).sum())
        if missing:
            notes.append(
                f"{name!r}: {missing:,} of {int(past.sum()):,} values missing: filled (fill {filling})"
            )
        if frame.schema[name] == pl.String:
            laid = fill(
                laid,
                starts,
                "forward" if filling == "zero" else filling,
                grid.season,
                where=f"{table.source}: column {name!r}",
                relevant=past,
            )
            texts = tuple(frame[name].drop_nulls().unique().sort().to_list())
            categories[name] = (np.nan_to_num(laid, nan=-1.0).astype(np.int64), texts)
        else:
            numbers[name] = fill(
                laid, starts, filling, grid.season, where=f"{table.source}: column {name!r}", relevant=past
            )
    panel = Panel(
        ids, starts, lengths, ends, first, grid, values, observed, columns, table.time_type, table.source,
        numbers, categories, absent, tuple(notes),
    )  # fmt: skip
    _check_static(panel)
    return panel


def _covariate(column: pl.Series, places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """((S,) numbers, or places in the sorted categories, NaN where missing; where it was there)."""
    if column.dtype == pl.String:
        texts = column.drop_nulls().unique().sort()
        column = column.replace_strict(texts, np.arange(len(texts), dtype=np.float64), default=None)
    laid = np.full(size, np.nan)
    laid[places] = column.cast(pl.Float64).to_numpy()
    return laid, ~np.isnan(laid)


def _check_static(panel: Panel) -> None:
    """Raise `DataError` for a static covariate that changes within a series."""
    for name in panel.columns.static:
        values = panel.numbers[name] if name in panel.numbers else panel.categories[name][0]
        steady = np.repeat(values[panel.starts], panel.lengths)
        wrong = np.flatnonzero((values != steady) & ~panel.absent[name])
        if len(wrong):
            series = int(np.searchsorted(panel.starts, wrong[0], side="right")) - 1
            raise DataError(
                f"{panel.source}: static column {name!r}: expected one value in each series, "
                f"got several for {panel.name_of(series)}. A covariate that changes is known or past."
            )


def _check_spread(steps: int, rows: int, grid: Frequency, source: str) -> None:
    if steps > 100 * rows + 1_000_000:
        raise DataError(
            f"{source}: expected rows about {grid.name} apart, got {rows:,} rows spread over {steps:,} "
            "steps. "
            "Look for a stray stamp, or name the frequency."
        )


def _shown(stamp: np.ndarray | np.generic) -> str:
    return str(stamp).replace("T", " ").removesuffix(".000000") if stamp.dtype.kind == "M" else str(stamp)
