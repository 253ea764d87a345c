"""What pages are made of: sections of charts, tables, marked texts and notes. No HTML here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from elman.train.display import shown_figure

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Note:
    """A paragraph. tone: "plain", "good", "warning" or "bad"; what a tone says, the text says too."""

    text: str
    tone: str = "plain"
    kind: str = field(default="note", init=False)


@dataclass(frozen=True)
class Chart:
    """A figure of plotly with its title, and in words what it shows, for those who do not see it.

    square: it is about as high as wide, so it does not take the whole width of the page.
    """

    title: str
    figure: Figure
    words: str
    square: bool = False
    kind: str = field(default="chart", init=False)


@dataclass(frozen=True)
class Grid:
    """Small charts of one kind, side by side where there is room."""

    charts: Sequence[Chart]
    kind: str = field(default="grid", init=False)


@dataclass(frozen=True)
class Cell:
    """A cell of a table: what it shows, and the value by which its column is sorted."""

    shown: str
    value: float | str


@dataclass(frozen=True)
class Table:
    """A table that can be sorted and copied. Cells are texts, numbers, None, or `Cell`s.

    folded: whether it is closed at first.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    folded: bool = False
    kind: str = field(default="table", init=False)

    @property
    def cells(self) -> list[list[Cell]]:
        """All cells as `Cell`s."""
        return [[as_cell(value) for value in row] for row in self.rows]

    @property
    def numbers(self) -> set[int]:
        """The columns of numbers, from 0."""
        return {
            place
            for place in range(1, len(self.columns))
            if any(isinstance(row[place].value, int | float) for row in self.cells)
        }


@dataclass(frozen=True)
class Piece:
    """A piece of a marked text. share: 0 to 1, how strongly it is coloured; None for not at all.

    title: what is said of it. wrong: marks it as wrong. under: a small text below it.
    """

    text: str
    share: float | None = None
    title: str = ""
    wrong: bool = False
    under: str = ""


@dataclass(frozen=True)
class Marked:
    """A text in coloured pieces, with what the colours say.

    What is said of a piece is read by pointer, touch, and arrow keys.
    """

    title: str
    legend: str
    pieces: Sequence[Piece]
    kind: str = field(default="marked", init=False)

    @property
    def told(self) -> bool:
        """Whether something is said of single pieces."""
        return any(piece.title for piece in self.pieces)


@dataclass(frozen=True)
class Listing:
    """Text as it stands, such as commands."""

    title: str
    text: str
    kind: str = field(default="listing", init=False)


@dataclass(frozen=True)
class Equation:
    """A formula: as MathML, and in LaTeX for copying."""

    title: str
    mathml: str
    latex: str
    kind: str = field(default="equation", init=False)


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI."""

    title: str
    uri: str
    kind: str = field(default="picture", init=False)


Block: TypeAlias = Note | Chart | Grid | Table | Marked | Listing | Equation | Picture


@dataclass(frozen=True)
class Section:
    """A titled part of a page."""

    name: str
    title: str
    blocks: Sequence[Block]


def as_cell(value: Any) -> Cell:
    """A value with how it is shown; what is missing or not a number is an empty cell, sorted last."""
    if isinstance(value, Cell):
        return value
    if isinstance(value, bool) or value is None:
        return Cell("" if value is None else str(value), "" if value is None else str(value))
    if isinstance(value, int):
        return Cell(f"{value:,}", value)
    if isinstance(value, float):
        return Cell(f"{value:.4g}", value) if math.isfinite(value) else Cell("", "")
    return Cell(str(value), str(value))


def share_cell(value: Any) -> Cell:
    """A share in percent."""
    return Cell(f"{value:.1%}", float(value))


def unit_cell(value: float, unit: str, digits: int = 1) -> Cell:
    """A number with its unit."""
    return Cell(f"{value:,.{digits}f} {unit}".rstrip(), value)


def figure_cell(name: str, value: float | None) -> Cell:
    """A figure as the terminal shows it."""
    return Cell("", "") if value is None else Cell(shown_figure(name, value), value)
