"""Token files: a line for each token, its columns by tab or space, an empty line behind each sequence.

CoNLL-U (https://universaldependencies.org/format.html) with its comments, multiword ranges and empty nodes;
the files of the CoNLL shared tasks; TSV.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from elman.data.files import existing, kind_of
from elman.data.step_store import StepPiece, stored_steps
from elman.data.table_files import pieces_of
from elman.data.tagged import StepColumns, Tagged
from elman.data.text_store import Source, file_source
from elman.errors import DataError, unknown

KINDS = (".conll", ".conllu", ".iob", ".bio", ".tsv", ".txt")
CONLLU = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
TOKEN_NAMES = ("token", "word", "form", "tokens", "words")
LABEL_NAMES = ("label", "tag", "ner", "pos", "upos", "ner_tag", "pos_tag", "class")
ROWS = 10_000  # lines that are held at a time
DOCUMENT = "-DOCSTART-"  # the lines by which CoNLL-2003 separates documents


def is_token_file(path: Path) -> bool:
    """Whether a file is read as one: by its ending, or for .tsv by an empty line between others."""
    kind = kind_of(path)
    if kind != ".tsv":
        return kind in KINDS
    last = b""  # the last line that holds something, and all behind it
    for piece in pieces_of(path):
        looked = last + piece
        if re.search(rb"\S[^\S\n]*\r?\n[^\S\n]*\r?\n\s*\S", looked):
            return True
        last = looked[looked.rfind(b"\n", 0, len(looked.rstrip())) + 1 :]
    return False


def read_tokens(
    path: Path, columns: StepColumns, *, labelled: bool = True
) -> tuple[Tagged, str, StepColumns]:
    """(the sequences of a token file, a note on the columns taken, those columns).

    Without names, CoNLL-U gives FORM and UPOS, any other file its first and its last column.

    labelled: whether a label column must be there.

    Raises `DataError` naming the line, for lines of another width, empty tokens or labels, unknown columns.
    """
    existing(path)
    return tokens_of_lines(
        lambda: (piece.decode() for piece in pieces_of(path)),
        columns,
        str(path),
        file_source(path),
        labelled=labelled,
    )


def tokens_of_lines(
    pieces: Callable[[], Iterable[str]],
    columns: StepColumns,
    called: str,
    source: Source,
    *,
    labelled: bool = True,
) -> tuple[Tagged, str, StepColumns]:
    """`read_tokens` of lines, some at a time, from their store if there is one; `called` is what messages
    call them."""
    lines = _Lines(pieces, called)
    if labelled and lines.width == 1:
        raise DataError(
            f"{called}: expected a column of tokens and one of labels, with tabs or spaces between, got one "
            "column."
        )
    names = lines.header(columns)
    token = _column(columns.token, names, lines.width, "token_column", called)
    if token is None:
        token = _usual(names, TOKEN_NAMES, 0)
    label = _column(columns.label, names, lines.width, "label_column", called) if labelled else None
    if labelled and label is None:
        label = _usual(names, LABEL_NAMES, lines.width - 1)
    if token == label:
        raise DataError(
            f"{called}: expected a column of tokens and one of labels, got {_named(names, token)} for both."
        )
    settings = {"token": token, "label": label, "header": lines.named}
    kept = stored_steps(source, settings, lambda: lines.sequences(token, label))
    note = f"tokens from column {_named(names, token)}"
    if label is not None:
        note += f", labels from column {_named(names, label)}"
    taken = replace(columns, token=str(token + 1), header=lines.named)
    if label is not None:
        taken = replace(taken, label=str(label + 1))
    data = Tagged(kept.tokens, kept.labels, called, lines=kept.lines)
    return data, f"{Path(called).name}: {note}", taken


class _Lines:
    """The lines of a token file, cut into cells, as they are read."""

    def __init__(self, pieces: Callable[[], Iterable[str]], source: str) -> None:
        self.source = source
        self._pieces = pieces
        self.named = "no"
        plain = (line for _, line in self._lines() if line.strip() and not line.startswith("# "))
        first = next(plain, "")
        self.separator = "\t" if "\t" in first else None
        self.width = len(self._cells(first))
        if self.width == 0:
            raise self._empty()
        self.conllu = self.width == len(CONLLU) and bool(re.fullmatch(r"\d+([-.]\d+)?", first.split("\t")[0]))

    def _empty(self) -> DataError:
        return DataError(f"{self.source}: expected at least one example, got an empty data set.")

    def _lines(self) -> Iterator[tuple[int, str]]:
        return enumerate(
            chain.from_iterable(piece.removesuffix("\n").split("\n") for piece in self._pieces()), 1
        )

    def _cells(self, line: str) -> list[str]:
        return line.rstrip("\r").split("\t") if self.separator else line.split()

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line, its cells); no cells at an empty line."""
        for number, line in self._lines():
            cells = self._cells(line) if line.strip() else []
            if self._is_comment(line, cells):
                continue
            if cells and len(cells) != self.width:
                raise DataError(
                    f"{self.source}: expected {self.width} columns in every line, as in the first, "
                    f"got {len(cells)} in line {number}."
                )
            if self.conllu and cells and not cells[0].isdecimal():
                continue  # a multiword range such as 3-4, or an empty node such as 3.1
            yield number, cells

    def _is_comment(self, line: str, cells: list[str]) -> bool:
        return line.startswith("#") and (self.conllu or len(cells) != self.width)

    def header(self, columns: StepColumns) -> Sequence[str]:
        """The names of the columns; where the first line holds them, it is not a row."""
        for _, line in self._lines():
            cells = self._cells(line) if line.strip() else []
            if cells and not self._is_comment(line, cells):
                break
            if line.startswith("# global.columns"):
                return line.partition("=")[2].split()
        if self.conllu:
            return CONLLU
        first = next((cells for _, cells in self._rows() if cells), None)
        if first is None:
            raise self._empty()
        usual = {name.strip().lower() for name in first}
        given = any(name in first for name in (columns.token, columns.label) if name is not None)
        found = given or bool(usual & set(TOKEN_NAMES) and usual & set(LABEL_NAMES))
        if columns.header == "yes" or (columns.header == "auto" and found):
            self.named = "yes"
            return [name.strip() for name in first]
        return ()

    def sequences(self, token: int, label: int | None) -> Iterator[StepPiece]:
        """The sequences between the empty lines, some steps at a time."""
        rows = chain(self._rows(), [(0, [])])
        if self.named == "yes":
            next(cells for _, cells in rows if cells)
        held: list[tuple[int, list[str]]] = []
        ends: list[int] = []
        begun, some = 0, False  # steps of the sequence that has not ended; whether any has
        for number, cells in rows:
            if cells:
                self._check(number, cells, token, label)
                held.append((number, cells))
                begun += 1
            else:
                if begun == 1 and held[-1][1][token] == DOCUMENT:
                    held.pop()
                elif begun:
                    ends.append(len(held))
                begun = 0
            if len(held) >= ROWS and begun != 1:
                yield _piece(held, ends, token, label)
                held, ends, some = [], [], some or bool(ends)
        if not some and not ends:
            raise self._empty()
        yield _piece(held, ends, token, label)

    def _check(self, number: int, cells: list[str], token: int, label: int | None) -> None:
        for what, place in (("token", token), ("label", label)):
            if place is not None and not cells[place].strip():
                raise DataError(f"{self.source}: expected a {what}, got an empty one in line {number}.")


def _piece(rows: list[tuple[int, list[str]]], ends: list[int], token: int, label: int | None) -> StepPiece:
    labels = None if label is None else [cells[label] for _, cells in rows]
    return StepPiece([cells[token] for _, cells in rows], labels, [number for number, _ in rows], ends)


def _column(given: str | None, names: Sequence[str], width: int, option: str, source: str) -> int | None:
    """The place of a column by its name, in capitals or not, or by its number."""
    if given is None:
        return None
    lower = [name.lower() for name in names]
    if given.lower() in lower:
        return lower.index(given.lower())
    if given.isdecimal() and 1 <= int(given) <= width:
        return int(given) - 1
    if names:
        raise DataError(f"{source}: {unknown(option, given, names)} Or its number, 1 to {width}.")
    raise DataError(
        f"{source}: {option}: expected the number of a column, 1 to {width} (nothing names them), "
        f"got {given!r}. If the first line does, add --header yes."
    )


def _usual(names: Sequence[str], usual: Sequence[str], otherwise: int) -> int:
    """The place of the first column with a usual name; `otherwise` where none has one."""
    if names == CONLLU:
        return CONLLU.index("FORM" if usual is TOKEN_NAMES else "UPOS")
    lower = [name.lower() for name in names]
    return next((lower.index(name) for name in usual if name in lower), otherwise)


def _named(names: Sequence[str], place: int) -> str:
    return repr(names[place]) if names else str(place + 1)
