"""Tables for the terminal that never cut a figure off: columns that do not fit stand in a further table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions
from rich.table import Table
from rich.text import Text

LABEL = 34  # the widest first column; longer labels go on in a further line
NARROW = 20  # the least it is narrowed to where all columns then stand side by side
EDGES = 3  # columns that rich takes beside the text of each cell; one more for the table


class Sheet:
    """A table with a label in front of each row, repeated where its columns are laid below one another.

    header: the name of each column. rows: as many cells each, the label first; texts are shown as they are.
    A row without any value in the columns of a table is left out of it.
    """

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str | Text]], title: str = "") -> None:
        self.header = list(header)
        self.rows = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
        self.title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        if self.title:
            yield Text(self.title, "italic", overflow="fold")
        label = self._label(options.max_width)
        for columns in self._groups(options.max_width - 1 - EDGES - label):
            yield self._table(columns, label)

    def _label(self, width: int) -> int:
        """The width of the first column."""
        usual = min(self._width(0), LABEL)
        others = sum(EDGES + self._width(column) for column in range(1, len(self.header)))
        left = width - 1 - EDGES - others
        return left if NARROW <= left < usual else usual

    def _groups(self, width: int) -> list[list[int]]:
        """Which columns stand side by side within `width`, the first aside, which is in front of all."""
        groups: list[list[int]] = [[]]
        left = width
        for column in range(1, len(self.header)):
            needed = EDGES + self._width(column)
            if needed > left and groups[-1]:
                groups.append([])
                left = width
            groups[-1].append(column)
            left -= needed
        return groups

    def _width(self, column: int) -> int:
        return max(Text(self.header[column]).cell_len, *(row[column].cell_len for row in self.rows), 1)

    def _table(self, columns: Sequence[int], label: int) -> Table:
        table = Table()
        numbers = all(row[0].plain.isdecimal() for row in self.rows)
        justify = "right" if numbers else "left"
        table.add_column(Text(self.header[0]), max_width=label, overflow="fold", justify=justify)
        for column in columns:
            table.add_column(Text(self.header[column]), justify="right", no_wrap=True)
        for row in self.rows:
            if any(row[column].plain for column in columns):
                table.add_row(row[0], *(row[column] for column in columns))
        return table
