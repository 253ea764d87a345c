"""Panel stores: the panel of a file, kept on disk and mapped into memory, so that it never has to fit in it.

A store is a folder in the cache, whole or not there:

| file | what |
| --- | --- |
| values, observed | (S, C) float64, bool: the targets, filled, and whether they were there |
| covariate-K, absent-K | (S,) float64, or int32 for categories; bool, where it was missing |
| series.npy | (4, N) int64: starts, lengths, ends and first of each series, see `Panel` |
| panel.json | format, the stamp of the sources, names, frequency, columns, what was said |

One whose source has changed is made anew.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from elman.data.frequency import Frequency
from elman.data.panel import Panel
from elman.data.panel_building import build_panel
from elman.data.panel_columns import SeriesColumns
from elman.data.panel_sources import SeriesSource
from elman.data.panel_tables import series_table
from elman.data.placing import made_once
from elman.data.text_store import file_source

FORMAT = "elman panel 1"


def panel_of_source(
    source: SeriesSource,
    columns: SeriesColumns,
    *,
    future: SeriesSource | None = None,
    **settings: Any,
) -> Panel:
    """The panel of a table and of the rows to come: of a file from its store, which is made if it is not
    there yet; of a frame in memory.

    settings: those of `build_panel`.

    Raises what `series_table` and `build_panel` raise, and `DataError` where the store cannot be written.
    """
    if source.file is None:
        return build_panel(series_table(source, columns, future=future), **settings)
    given = [source, *([future] if future else [])]
    known = [file_source(one.file) for one in given if one.file is not None]
    stamp = "; ".join(one.stamp for one in known)

    def write(folder: Path) -> None:
        def make(name: str, shape: tuple[int, ...], kind: Any) -> np.ndarray:
            return np.memmap(folder / name, kind, mode="w+", shape=shape)

        table = series_table(source, columns, future=future)
        _write_about(folder, build_panel(table, **settings, make=make), stamp)

    def find(folder: Path) -> Panel | None:
        return _open(folder, stamp, source.name)

    if len(known) < len(given):  # rows to come from Python: nothing says whether they are the same
        return build_panel(series_table(source, columns, future=future), **settings)
    names = [one.name for one in known]
    key = [FORMAT, names, dataclasses.asdict(columns), settings]
    return made_once("panels", names[0], key, find, write)


def _write_about(folder: Path, panel: Panel, stamp: str) -> None:
    np.save(folder / "series.npy", np.stack([panel.starts, panel.lengths, panel.ends, panel.first]))
    about = {
        "format": FORMAT,
        "stamp": stamp,
        "steps": len(panel.values),
        "ids": panel.ids,
        "frequency": dataclasses.asdict(panel.frequency),
        "columns": dataclasses.asdict(panel.columns),
        "time": _kind_text(panel.time_type),
        "categories": {name: texts for name, (_, texts) in panel.categories.items()},
        "notes": panel.notes,
    }
    (folder / "panel.json").write_text(json.dumps(about))


def _open(folder: Path, stamp: str, source: str) -> Panel | None:
    """What is in a store; None if there is no whole one of this stamp."""
    try:
        about = json.loads((folder / "panel.json").read_bytes())
        if about["format"] != FORMAT or about["stamp"] != stamp:
            return None
        starts, lengths, ends, first = np.load(folder / "series.npy")
        columns = SeriesColumns(**{name: _tupled(value) for name, value in about["columns"].items()})
        shape = about["steps"], len(columns.targets)
        values, observed = (
            _mapped(folder / name, shape, kind) for name, kind in (("values", np.float64), ("observed", bool))
        )
        numbers, categories, absent = _covariates(folder, columns, about["categories"], shape[0])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Panel(
        tuple(about["ids"]), starts, lengths, ends, first, Frequency(**about["frequency"]), values, observed,
        columns, _kind(about["time"]), source, numbers, categories, absent, tuple(about["notes"]),
    )  # fmt: skip


def _covariates(
    folder: Path, columns: SeriesColumns, texts: Mapping[str, list[str]], count: int
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    numbers, categories, absent = {}, {}, {}
    for place, name in enumerate(columns.covariates):
        kind = np.int32 if name in texts else np.float64
        column = _mapped(folder / f"covariate-{place}", (count,), kind)
        absent[name] = _mapped(folder / f"absent-{place}", (count,), bool)
        if name in texts:
            categories[name] = column, tuple(texts[name])
        else:
            numbers[name] = column
    return numbers, categories, absent


def _mapped(path: Path, shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """Raises `ValueError` for a file of another size."""
    if path.stat().st_size != int(np.prod(shape)) * np.dtype(kind).itemsize:
        raise ValueError(f"'{path}' has another size")
    # copy-on-write: nothing is ever written, and torch wants memory that could be
    return np.asarray(np.memmap(path, kind, mode="c", shape=shape))


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _kind_text(kind: pl.DataType) -> list[Any]:
    """A type of stamps as plain values."""
    if isinstance(kind, pl.Datetime):
        return ["Datetime", kind.time_unit, kind.time_zone]
    return [str(kind)]


def _kind(text: list[Any]) -> pl.DataType:
    name, *rest = text
    return getattr(pl, name)(*rest)
