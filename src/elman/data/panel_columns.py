"""What the columns of a table of series are for: named by the user, or found, and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from elman.data.columns import not_used
from elman.errors import DataError, unknown

TIME_NAMES = ("ds", "date", "time", "timestamp", "datetime")
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")


@dataclass(frozen=True)
class SeriesColumns:
    """The columns by what they are for; None or () where they are to be found.

    time: one column, or several that together are a date: year, month, day and maybe hour, minute.
    known: covariates known ahead. past: covariates known up to now only. static: the same in all rows of a
        series. categories: those of the covariates that are categories even if they look like numbers.
    """

    series: str | None = None
    time: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def covariates(self) -> tuple[str, ...]:
        return (*self.known, *self.past, *self.static)


@dataclass(frozen=True)
class Found:
    """The columns with nothing left open, the covariates that are categories, and all that in words."""

    columns: SeriesColumns
    categories: frozenset[str]
    note: str


def find_columns(head: pl.DataFrame, columns: SeriesColumns, source: str) -> Found:
    """By the first rows of a table, in their own types.

    Raises `DataError` for a column that is not there (the nearest offered), or is to be two things.
    """
    for option in ("known", "past", "static", "categories"):
        for name in getattr(columns, option):
            check_there(head, name, option, source)
    for name in columns.categories:
        if name not in columns.covariates:
            raise DataError(
                f"{source}: categories: expected names among the covariates (known, past, static), got "
                f"{name!r}."
            )
    _check_one_role(columns, source)
    time = columns.time or _find_time(head, source)
    for name in time:
        check_there(head, name, "time_column", source)
    series = columns.series or ("unique_id" if "unique_id" in head.columns else None)
    if series is not None:
        check_there(head, series, "id_column", source)
    targets = columns.targets or _find_targets(head, (*time, series, *columns.covariates), source)
    for name in targets:
        check_there(head, name, "target", source)
    taken = replace(columns, series=series, time=time, targets=targets)
    texts = {name for name in columns.covariates if _is_text(head[name])}
    return Found(taken, frozenset(texts | set(columns.categories)), _note(head, taken, columns))


def check_there(head: pl.DataFrame, name: str, option: str, source: str) -> None:
    """Raise `DataError` for a column that is not there, with the nearest name."""
    if name not in head.columns:
        raise DataError(f"{source}: {unknown(option, name, head.columns)}")


def _check_one_role(columns: SeriesColumns, source: str) -> None:
    """Raise `DataError` for a column that is to be two things, such as forecast and known ahead."""
    roles: dict[str, str] = {}
    for role in ("targets", "known", "past", "static"):
        for name in getattr(columns, role):
            called = role.removesuffix("s")
            if name in roles:
                raise DataError(
                    f"{source}: {called}: expected columns that are nothing else, got {name!r}, which is "
                    f"named as {roles[name]} too. Leave it out of one of them."
                )
            roles[name] = called


def _find_time(head: pl.DataFrame, source: str) -> tuple[str, ...]:
    """The column with a usual name, else the first one of dates."""
    lower = {name.lower(): name for name in reversed(head.columns)}
    for usual in TIME_NAMES:
        if usual in lower:
            return (lower[usual],)
    parts = [name for name in ("year", "month", "day", "hour", "minute") if name in lower]
    if parts[:3] == ["year", "month", "day"]:
        return tuple(lower[name] for name in parts)
    dates = [name for name, kind in head.schema.items() if kind.is_temporal()]
    if dates:
        return (dates[0],)
    listed = ", ".join(map(repr, head.columns))
    raise DataError(
        f"{source}: expected a column of time stamps, found none in {listed}. Name it: time_column."
    )


def _find_targets(head: pl.DataFrame, taken: Sequence[str | None], source: str) -> tuple[str, ...]:
    """The column y, else every column of numbers that is for nothing else (a wide table)."""
    if "y" in head.columns:
        return ("y",)
    free = tuple(
        n for n, kind in head.schema.items() if n not in taken and (kind.is_numeric() or kind == pl.Null)
    )
    if not free:
        raise DataError(
            f"{source}: expected a column y or columns of numbers to forecast, got none. Name it: target."
        )
    return free


def _is_text(column: pl.Series) -> bool:
    """Whether a covariate is one of categories: of texts that are no numbers."""
    if column.dtype != pl.String:
        return column.dtype in (pl.Categorical, pl.Enum, pl.Boolean)
    known = column.filter(column.is_not_null() & ~column.is_in(list(MISSING)))
    return known.cast(pl.Float64, strict=False).null_count() > 0


def _note(head: pl.DataFrame, taken: SeriesColumns, given: SeriesColumns) -> str:
    """What the columns are taken for, and how it was found."""
    found = [f"time from {', '.join(map(repr, taken.time))} ({'named' if given.time else 'found'})"]
    if taken.series:
        found.append(f"series by {taken.series!r} ({'named' if given.series else 'by its name'})")
    many = len(taken.targets)
    shown = ", ".join(map(repr, taken.targets[:8])) + (" …" if many > 8 else "")
    how = "named" if given.targets else "by its name" if taken.targets == ("y",) else "all columns of numbers"
    found.append(f"target{'s' if many > 1 else ''} {shown} ({how})")
    roles = {"known ahead": taken.known, "of the past": taken.past, "static": taken.static}
    found += [f"{role} {', '.join(map(repr, names))}" for role, names in roles.items() if names]
    if rest := not_used(head.columns, (*taken.time, taken.series, *taken.targets, *taken.covariates)):
        found.append(rest)
    return "; ".join(found)
