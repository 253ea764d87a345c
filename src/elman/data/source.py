"""What `--data` may be: a named data set, a file, or a folder with train, dev and test files."""

from __future__ import annotations

from pathlib import Path

from elman.data.arrays import read_npz
from elman.data.columns import Columns
from elman.data.examples import Examples, Splits
from elman.data.files import existing, kind_of
from elman.data.named import NAMED
from elman.data.tables import KINDS, read_table
from elman.errors import DataError, unknown, wrong

_ENDINGS = (".npz", *KINDS)
PARTS = {"train": ("train", "training"), "valid": ("dev", "valid", "val", "validation"), "test": ("test",)}


def read_source(data: str, columns: Columns, *, labelled: bool = True) -> Splits[Examples]:
    """All that `data` names; a single file is the `train` part.

    Raises `ArgumentError` or `DataError` if it names nothing that can be read.
    """
    if not data:
        raise wrong("data", expected=f"a data set ({', '.join(NAMED)}), a file or a folder", got=data)
    if data in NAMED:
        return NAMED[data]()
    path = Path(data).expanduser()
    if path.is_dir():
        return _read_folder(path, columns, labelled=labelled)
    if not path.exists() and "/" not in data and not path.suffix:
        raise unknown("data", data, NAMED)
    examples, notes, taken = read_file(path, columns, labelled=labelled)
    return Splits(examples, notes=notes, columns=taken)


def read_file(
    path: Path, columns: Columns, *, labelled: bool = True, what: str = "data"
) -> tuple[Examples, tuple[str, ...], Columns | None]:
    """(the examples of one file, notes, the columns taken if it has columns)."""
    existing(path, what=what)
    if kind_of(path) == ".npz":
        return read_npz(path), (), None
    if kind_of(path) in KINDS:
        examples, note, taken = read_table(path, columns, labelled=labelled)
        return examples, (note,), taken
    raise DataError(
        f"{what}: expected a file that ends in {', '.join(_ENDINGS)} (or these with .gz), got '{path}'."
    )


def _read_folder(folder: Path, columns: Columns, *, labelled: bool) -> Splits[Examples]:
    found: dict[str, Path] = {}
    for part, stems in PARTS.items():
        fitting = [
            p
            for p in sorted(folder.iterdir())
            if p.name.split(".")[0].lower() in stems and kind_of(p) in _ENDINGS
        ]
        if len(fitting) > 1:
            raise DataError(f"{folder}: expected one {part} file, got {', '.join(p.name for p in fitting)}.")
        if fitting:
            found[part] = fitting[0]
    if "train" not in found and (labelled or "test" not in found):
        files = ", ".join(sorted(p.name for p in folder.iterdir())[:10]) or "nothing"
        raise DataError(
            f"{folder}: expected a file train.npz, train.csv, train.tsv or train.jsonl, got {files}. "
            "Name the files themselves: --data, --valid, --test."
        )
    parts, notes, taken = {}, [], None
    for part, path in found.items():  # the training file first: the others have its columns
        parts[part], more, taken = read_file(path, taken or columns, labelled=labelled)
        notes += more
    train = parts["train"] if "train" in parts else parts["test"]
    return Splits(train, parts.get("valid"), parts.get("test"), notes=tuple(notes), columns=taken)
