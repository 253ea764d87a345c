"""Token files: a line for each token, its columns by tab or space, an empty line behind each sequence.

CoNLL-U (https://universaldependencies.org/format.html) with its comments, multiword ranges and empty nodes;
the files of the CoNLL shared tasks; TSV.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from elman.data.files import check_utf8, existing, kind_of, read_bytes
from elman.data.tagged import StepColumns, Tagged
from elman.errors import DataError, unknown

KINDS = (".conll", ".conllu", ".iob", ".bio", ".tsv", ".txt")
CONLLU = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
TOKEN_NAMES = ("token", "word", "form", "tokens", "words")
LABEL_NAMES = ("label", "tag", "ner", "pos", "upos", "ner_tag", "pos_tag", "class")
DOCUMENT = "-DOCSTART-"  # the lines by which CoNLL-2003 separates documents


def is_token_file(path: Path) -> bool:
    """Whether a file is read as one: by its ending, or for .tsv by an empty line between others."""
    kind = kind_of(path)
    if kind != ".tsv":
        return kind in KINDS
    return re.search(rb"\S[^\S\n]*\r?\n[^\S\n]*\r?\n\s*\S", read_bytes(path)) is not None


def read_tokens(
    path: Path, columns: StepColumns, *, labelled: bool = True
) -> tuple[Tagged, str, StepColumns]:
    """(the sequences of a token file, a note on the columns taken, those columns).

    Without names, CoNLL-U gives FORM and UPOS, any other file its first and its last column.

    labelled: whether a label column must be there.

    Raises `DataError` naming the line, for lines of another width, empty tokens or labels, unknown columns.
    """
    content = read_bytes(existing(path))
    check_utf8(content, path)
    return parse_tokens(content.decode("utf-8-sig"), columns, str(path), labelled=labelled)


def parse_tokens(
    content: str, columns: StepColumns, source: str, *, labelled: bool = True
) -> tuple[Tagged, str, StepColumns]:
    """`read_tokens` of the content of a file; `source` is what messages call it."""
    lines = _Lines(content, source)
    names = lines.header(columns)
    token = _column(columns.token, names, lines.width, "token_column", source)
    if token is None:
        token = _usual(names, TOKEN_NAMES, 0)
    label = _column(columns.label, names, lines.width, "label_column", source) if labelled else None
    if labelled and label is None:
        label = _usual(names, LABEL_NAMES, lines.width - 1)
    if token == label:
        raise DataError(
            f"{source}: expected a column of tokens and one of labels, got {_named(names, token)} for both."
        )
    data = lines.sequences(token, label)
    note = f"tokens from column {_named(names, token)}"
    if label is not None:
        note += f", labels from column {_named(names, label)}"
    taken = replace(columns, token=str(token + 1), header=lines.named)
    if label is not None:
        taken = replace(taken, label=str(label + 1))
    return data, f"{Path(source).name}: {note}", taken


class _Lines:
    """The lines of a token file, cut into cells."""

    def __init__(self, content: str, source: str) -> None:
        self.source = source
        self.rows: list[tuple[int, list[str]]] = []  # (line, cells); no cells at an empty line
        self.comments: list[str] = []
        self.named = "no"
        lines = content.split("\n")
        first = next((line for line in lines if line.strip() and not line.startswith("# ")), "")
        self.separator = "\t" if "\t" in first else None
        self.width = len(self._cells(first))
        if self.width == 0:
            raise DataError(f"{source}: expected at least one example, got an empty data set.")
        self.conllu = self.width == len(CONLLU) and bool(re.fullmatch(r"\d+([-.]\d+)?", first.split("\t")[0]))
        for number, line in enumerate(lines, 1):
            self._take(number, line)

    def _cells(self, line: str) -> list[str]:
        return line.rstrip("\r").split("\t") if self.separator else line.split()

    def _take(self, number: int, line: str) -> None:
        cells = self._cells(line) if line.strip() else []
        if line.startswith("#") and (self.conllu or len(cells) != self.width):
            self.comments.append(line)
            return
        if cells and len(cells) != self.width:
            raise DataError(
                f"{self.source}: expected {self.width} columns in every line, as in the first, "
                f"got {len(cells)} in line {number}."
            )
        if self.conllu and cells and not cells[0].isdecimal():
            return  # a multiword range such as 3-4, or an empty node such as 3.1
        self.rows.append((number, cells))

    def header(self, columns: StepColumns) -> Sequence[str]:
        """The names of the columns; where the first line holds them, it goes."""
        for line in self.comments:
            if line.startswith("# global.columns"):
                return line.partition("=")[2].split()
        if self.conllu:
            return CONLLU
        place, (_, first) = next((at, row) for at, row in enumerate(self.rows) if row[1])
        usual = {name.strip().lower() for name in first}
        given = any(name in first for name in (columns.token, columns.label) if name is not None)
        found = given or bool(usual & set(TOKEN_NAMES) and usual & set(LABEL_NAMES))
        if columns.header == "yes" or (columns.header == "auto" and found):
            del self.rows[place]
            self.named = "yes"
            return [name.strip() for name in first]
        return ()

    def sequences(self, token: int, label: int | None) -> Tagged:
        """The sequences between the empty lines."""
        inputs: list[list[str]] = []
        labels: list[np.ndarray] = []
        lines: list[np.ndarray] = []
        waiting: list[tuple[int, list[str]]] = []
        for number, cells in [*self.rows, (0, [])]:
            if cells:
                self._check(number, cells, token, label)
                waiting.append((number, cells))
                continue
            if waiting and not (len(waiting) == 1 and waiting[0][1][token] == DOCUMENT):
                inputs.append([row[token] for _, row in waiting])
                lines.append(np.array([at for at, _ in waiting]))
                if label is not None:
                    labels.append(np.array([row[label] for _, row in waiting]))
            waiting = []
        if not inputs:
            raise DataError(f"{self.source}: expected at least one example, got an empty data set.")
        return Tagged(inputs, None if label is None else labels, self.source, lines=lines)

    def _check(self, number: int, cells: list[str], token: int, label: int | None) -> None:
        for what, place in (("token", token), ("label", label)):
            if place is not None and not cells[place].strip():
                raise DataError(f"{self.source}: expected a {what}, got an empty one in line {number}.")


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
