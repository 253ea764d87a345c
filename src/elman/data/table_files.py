"""Tables in files, read piece by piece with all cells as texts, so that a file never has to fit in memory.

CSV, TSV and JSONL (also .gz) and Parquet, by polars.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from elman.data.files import check_utf8, existing, kind_of, unpacked
from elman.errors import DataError

KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
PIECE = 4 << 20  # bytes that are read at a time
MARK = b"\xef\xbb\xbf"  # what some programs put in front of UTF-8
ROWS = 20_000  # rows of a Parquet file that are read at a time


@dataclass(frozen=True)
class Table:
    """A table in a file.

    names: what its columns are called; None: as the file has it, or column_1, column_2, ….
    skipped: rows at its start that are no data, such as a header.
    """

    path: Path
    names: tuple[str, ...] | None = None
    skipped: int = 0
    _only: list[pl.DataFrame] = field(default_factory=list, repr=False, compare=False)

    @property
    def delimited(self) -> bool:
        """Whether its first row may hold the names of the columns."""
        return kind_of(self.path) in (".csv", ".tsv")

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self.head.columns

    @property
    def width(self) -> int:
        """How many columns there are."""
        return self.head.width

    @cached_property
    def head(self) -> pl.DataFrame:
        """The rows of the first piece; raises `DataError` where there are none."""
        first, *_ = islice(self.frames(), 2)  # a second look finds out whether there is but one piece
        return first[1]

    def frames(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """(what its first row is called in messages, rows as texts) of each piece, one at least.

        Raises `DataError` for a missing, damaged or empty file, and for text that is no UTF-8.
        """
        rows = 0
        for frame in self._raw():
            data = frame[max(self.skipped - rows, 0) :]
            if self.names is not None:
                data = data.rename(dict(zip(data.columns, self.names, strict=True)))
            if len(data):
                yield max(rows, self.skipped) + 1, data
            rows += len(frame)
        if rows <= self.skipped:
            raise DataError(f"{self.path}: expected at least one example, got only a header.")

    def whole(self) -> pl.DataFrame:
        """All rows at once."""
        return pl.concat([frame for _, frame in self.frames()])

    def _raw(self) -> Iterator[pl.DataFrame]:
        """The rows as they stand; a table of one piece is read once."""
        if self._only:
            yield from self._only
            return
        kind, first, count = kind_of(existing(self.path)), None, 0
        reader = {".csv": _delimited, ".tsv": _delimited, ".parquet": _parquet}.get(kind, _json_lines)
        for frame in reader(self.path):
            first, count = frame if first is None else first, count + 1
            yield frame
        if first is not None and count == 1:
            self._only.append(first)


def pieces_of(path: Path, quote: str | None = None) -> Iterator[bytes]:
    """The content of a file, unpacked, in pieces that end where a line does, outside of quotes.

    Raises `DataError` for a damaged or empty file, and for text that is no UTF-8.
    """
    rest, lines, start, begun = b"", 0, 0, False
    with unpacked(path) as file:
        while True:
            content = file.read(PIECE)
            if not begun:
                if not content.strip():
                    raise DataError(f"{path}: expected at least one example, got an empty data set.")
                begun, mark = True, content.startswith(MARK)
                content, start = content.removeprefix(MARK), len(MARK) * mark
            whole = rest + content
            cut = _last_line_end(whole, quote) if content else len(whole)
            piece, rest = whole[:cut], whole[cut:]
            check_utf8(piece, path, lines=lines, start=start)
            if piece:
                yield piece
            lines, start = lines + piece.count(b"\n"), start + len(piece)
            if not content:
                return


def _last_line_end(content: bytes, quote: str | None) -> int:
    """Behind the last line end that no quotes stand around; 0 if there is none."""
    if quote is None or quote.encode() not in content:
        return content.rfind(b"\n") + 1
    signs = np.frombuffer(content, dtype=np.uint8)
    inside = np.bitwise_and(np.cumsum(signs == ord(quote)), 1)
    ends = np.flatnonzero((signs == ord("\n")) & (inside == 0))
    return int(ends[-1]) + 1 if len(ends) else 0


def _delimited(path: Path) -> Iterator[pl.DataFrame]:
    """Quotes mean something in .csv only: in .tsv they are part of the text."""
    quote = '"' if kind_of(path) == ".csv" else None
    separator, schema, rows = "\t", None, 0
    for content in pieces_of(path, quote):
        if not content.strip():
            continue
        if schema is None and quote:
            separator = _separator(content)
        try:
            frame = pl.read_csv(
                content,
                has_header=False,
                separator=separator,
                quote_char=quote,
                infer_schema=False,
                schema=schema,
                eol_char="\n",
            )
        except pl.exceptions.PolarsError as error:
            width = None if schema is None else len(schema)
            raise _odd_row(content, path, separator, quote, rows, width, error) from None
        names = {name: f"column_{place}" for place, name in enumerate(frame.columns, 1)}
        frame = frame.rename(names).select(pl.all().str.strip_suffix("\r"))
        schema = frame.schema
        yield frame
        rows += len(frame)


def _odd_row(
    content: bytes,
    path: Path,
    separator: str,
    quote: str | None,
    before: int,
    width: int | None,
    error: Exception,
) -> DataError:
    """What is wrong with a piece, behind so many rows, that is no table of `width` columns."""
    rows = csv.reader(
        io.StringIO(content.decode(), newline=""),
        delimiter=separator,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    widths = [len(row) for row in rows]
    width = width or widths[0]
    odd = next((row for row, got in enumerate(widths, 1) if got > width), None)
    if odd is None and quote and (row := _quoted_oddly(content.decode(), separator, len(widths))):
        return DataError(
            f"{path}: expected quotes around whole texts, got one in row {before + row} that begins or ends "
            "none. A quote within a text is written twice, and the text stands in quotes (CSV)."
        )
    if odd is None:
        return DataError(f"{path}: expected a table, got something else ({error}).")
    return DataError(
        f"{path}: expected {width} columns in every row, as in row 1, got {widths[odd - 1]} in row "
        f"{before + odd}. A text with a separator in it needs quotes (CSV)."
    )


def _quoted_oddly(content: str, separator: str, rows: int) -> int | None:
    """The first of so many rows with a quote within a text that has none around it, or the one whose quote
    is never closed."""
    within = re.compile(f'(^|{separator})[^"{separator}]+"')
    stray = (row for row, line in enumerate(content.split("\n"), 1) if within.search(line))
    return next(stray, rows if content.count('"') % 2 else None)


def _separator(content: bytes) -> str:
    """Comma, or semicolon or tab where the first line has more of those."""
    line = content.split(b"\n", 1)[0].decode()
    return max((",", ";", "\t"), key=line.count)


def _json_lines(path: Path) -> Iterator[pl.DataFrame]:
    """All plain values as texts; lists and objects are left out."""
    kinds, last = [], pl.DataFrame()
    for last in json_frames(path):
        kinds.append(last.clear())
    if len(kinds) == 1:
        yield _plain(last, path)
        return
    schema = pl.concat(kinds, how="diagonal_relaxed").schema
    for frame in json_frames(path, schema):
        yield _plain(frame, path)


def json_frames(path: Path, schema: pl.Schema | None = None) -> Iterator[pl.DataFrame]:
    """The objects of JSON lines; raises `DataError` that names the first line that holds none."""
    lines = 0
    for content in pieces_of(path):
        if not content.strip():
            lines += content.count(b"\n")
            continue
        try:
            frame = pl.read_ndjson(content, schema=schema, infer_schema_length=None)
        except pl.exceptions.PolarsError as error:
            bad = _bad_json_line(content, lines) or f"expected JSON lines ({error})"
            raise DataError(f"{path}: {bad}.") from None
        bad = _bad_json_line(content, lines) if frame.width == 0 else None
        if bad:
            raise DataError(f"{path}: {bad}.")
        yield frame
        lines += content.count(b"\n")


def _bad_json_line(content: bytes, before: int) -> str | None:
    for number, line in enumerate(content.decode().split("\n"), before + 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            return f"expected one JSON object a line, got a mistake in line {number} ({error.msg})"
        if not isinstance(value, dict):
            return f"expected one JSON object a line, got {type(value).__name__} in line {number}"
    return None


def _parquet(path: Path) -> Iterator[pl.DataFrame]:
    """All plain values as texts; lists and structures are left out."""
    return (_plain(frame, path) for frame in parquet_frames(path))


def parquet_frames(path: Path) -> Iterator[pl.DataFrame]:
    """Some rows of a Parquet file at a time; raises `DataError` if it is damaged."""
    try:
        table = pl.scan_parquet(path)
        rows = table.select(pl.len()).collect().item()
        for at in range(0, max(rows, 1), ROWS):
            yield table.slice(at, ROWS).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: expected a Parquet file, got a damaged one ({error}).") from None


def _plain(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    plain = [name for name, kind in table.schema.items() if not kind.is_nested() and kind != pl.Binary]
    if not plain:
        raise DataError(f"{path}: expected fields with text and label, got none with plain values.")
    return table.select(pl.col(plain).cast(pl.String))
