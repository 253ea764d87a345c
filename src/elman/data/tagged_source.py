"""What `--data` of tag may be: a named data set, a file, or a folder with train, dev and test files."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from elman.data import conll
from elman.data.examples import Splits
from elman.data.files import existing, kind_of
from elman.data.named_tagged import NAMED_TAGGED
from elman.data.table_files import KINDS
from elman.data.tagged import StepColumns, Tagged
from elman.data.tagged_arrays import read_tagged_npz
from elman.data.tagged_lists import has_lists, read_lists
from elman.data.tagged_tables import read_steps
from elman.errors import DataError, unknown, wrong

_ENDINGS = (".npz", *conll.KINDS, *KINDS)
_PARTS = {"train": ("train", "training"), "valid": ("dev", "valid", "val", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class Read:
    """What was read: the parts, and the columns taken."""

    splits: Splits[Tagged]
    columns: StepColumns


def read_tagged(data: str, columns: StepColumns, *, labelled: bool = True) -> Read:
    """All that `data` names; a single file is the `train` part.

    Raises `ArgumentError` or `DataError` if it names nothing that can be read.
    """
    if not data:
        named = ", ".join(NAMED_TAGGED)
        raise wrong("data", expected=f"a data set ({named}), a file or a folder", got=data)
    if data in NAMED_TAGGED:
        return Read(NAMED_TAGGED[data](), columns)
    path = Path(data).expanduser()
    if path.is_dir():
        return _read_folder(path, columns, labelled=labelled)
    if not path.exists() and "/" not in data and not path.suffix:
        raise unknown("data", data, NAMED_TAGGED)
    part, notes, taken = read_tagged_file(path, columns, labelled=labelled)
    return Read(Splits(part, notes=notes), taken)


def read_tagged_file(
    path: Path, columns: StepColumns, *, labelled: bool = True, what: str = "data"
) -> tuple[Tagged, tuple[str, ...], StepColumns]:
    """(the sequences of one file, notes, the columns taken)."""
    existing(path, what=what)
    if kind_of(path) == ".npz":
        data = read_tagged_npz(path)
        return (data if labelled else replace(data, labels=None)), (), columns
    if conll.is_token_file(path):
        data, note, taken = conll.read_tokens(path, columns, labelled=labelled)
        return data, (note,), taken
    if has_lists(path):
        data, note, taken = read_lists(path, columns, labelled=labelled)
        return data, (note,), taken
    if kind_of(path) in KINDS:
        data, note, taken = read_steps(path, columns, labelled=labelled)
        return data, (note,), taken
    raise DataError(
        f"{what}: expected a file that ends in {', '.join(_ENDINGS)} (or these with .gz), got '{path}'."
    )


def _read_folder(folder: Path, columns: StepColumns, *, labelled: bool) -> Read:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        part = _part_of(path)
        if part is None:
            continue
        if part in found:
            raise DataError(f"{folder}: expected one {part} file, got {found[part].name}, {path.name}.")
        found[part] = path
    if "train" not in found and (labelled or "test" not in found):
        files = ", ".join(sorted(p.name for p in folder.iterdir())[:10]) or "nothing"
        raise DataError(
            f"{folder}: expected a file with train in its name, such as train.conllu or train.npz, "
            f"got {files}. Name the files themselves: --data, --valid, --test."
        )
    parts: dict[str, Tagged] = {}
    notes: tuple[str, ...] = ()
    for part in sorted(found, key=list(_PARTS).index):  # the training file first: the others have its columns
        parts[part], more, columns = read_tagged_file(found[part], columns, labelled=labelled)
        notes += more
    train = parts["train"] if "train" in parts else parts["test"]
    return Read(Splits(train, parts.get("valid"), parts.get("test"), notes=notes), columns)


def together(parts: dict[str, Tagged]) -> dict[str, Tagged]:
    """The same parts, the events of all of them in the same places."""
    if not all(part.events for part in parts.values()):
        return parts
    names = tuple(sorted({name for part in parts.values() for name in part.names}))
    return {name: part.aligned(names) for name, part in parts.items()}


def _part_of(path: Path) -> str | None:
    """The part that a file is, by a word in its name, as in en_ewt-ud-train.conllu; None if it is none."""
    if kind_of(path) not in _ENDINGS:
        return None
    words = re.split(r"[-_.]", path.name.lower())
    return next((part for part, stems in _PARTS.items() if set(stems) & set(words)), None)
