"""What `--data` may be: a named data set, a file, a folder with train, dev and test, a folder of classes."""

from __future__ import annotations

from pathlib import Path

from elman.data.arrays import read_npz
from elman.data.columns import Columns
from elman.data.examples import Examples, Splits
from elman.data.files import existing, kind_of
from elman.data.folders import (
    DEFAULT,
    ENDINGS,
    FileSettings,
    has_classes,
    has_files,
    read_classes,
    read_files,
    read_plain,
    same_rate,
)
from elman.data.idx_files import is_idx, read_idx
from elman.data.index_files import is_index, read_index
from elman.data.long_tables import is_long, read_series
from elman.data.named import NAMED
from elman.data.table_files import KINDS
from elman.data.tables import open_table, read_texts
from elman.data.ts_files import read_ts
from elman.errors import DataError, unknown, wrong

_ENDINGS = (".npz", ".ts", *KINDS)
PARTS = {
    "train": ("train", "training"),
    "valid": ("dev", "valid", "val", "validation"),
    "test": ("test", "t10k"),
}
_Read = tuple[Examples, tuple[str, ...], "Columns | None"]


def read_source(
    data: str, columns: Columns, settings: FileSettings = DEFAULT, *, labelled: bool = True
) -> Splits[Examples]:
    """All that `data` names; a single file is the `train` part.

    Raises `ArgumentError` or `DataError` if it names nothing that can be read.
    """
    if not data:
        raise wrong("data", expected=f"a data set ({', '.join(NAMED)}), a file or a folder", got=data)
    if data in NAMED:
        return NAMED[data](settings)
    path = Path(data).expanduser()
    if path.is_dir():
        return _read_folder(path, columns, settings, labelled=labelled)
    if not path.exists() and "/" not in data and not path.suffix:
        raise unknown("data", data, NAMED)
    examples, notes, taken = read_file(path, columns, settings, labelled=labelled)
    return Splits(examples, notes=notes, columns=taken)


def read_file(
    path: Path,
    columns: Columns,
    settings: FileSettings = DEFAULT,
    *,
    labelled: bool = True,
    what: str = "data",
) -> _Read:
    """(the examples of one file, notes, the columns taken if it has columns)."""
    if path.is_dir():
        read = read_classes if has_classes(path, 1 if labelled else 2) else read_plain
        examples, notes = read(path, settings)
        return examples, tuple(notes), None
    existing(path, what=what)
    if is_idx(path):
        return read_idx(path, settings.read), (f"{path.name}: images read by {settings.read}",), None
    if kind_of(path) == ".npz":
        return read_npz(path, settings.read), (), None
    if kind_of(path) == ".ts":
        return read_ts(path, labelled=labelled), (), None
    if kind_of(path) in KINDS:
        return _read_table(path, columns, settings, labelled=labelled)
    if path.suffix.lower() in ENDINGS and not labelled:
        examples, notes = read_files([path], None, str(path), settings)
        return examples, tuple(notes), None
    raise DataError(
        f"{what}: expected a file that ends in {', '.join(_ENDINGS)} (or these with .gz), "
        f"an IDX file or a folder, got '{path}'."
    )


def _read_table(path: Path, columns: Columns, settings: FileSettings, *, labelled: bool) -> _Read:
    """A table of files with their labels, of series, or of texts."""
    table, columns = open_table(path, columns)
    if is_index(table.head, columns):
        first_row = table.skipped + 1
        whole = table.whole()
        return read_index(whole, columns, path, settings, first_row=first_row, labelled=labelled)
    if is_long(table.head, columns):
        examples, note, taken = read_series(table, columns, labelled=labelled)
    else:
        examples, note, taken = read_texts(table, columns, labelled=labelled)
    return examples, (note,), taken


def _read_folder(
    folder: Path, columns: Columns, settings: FileSettings, *, labelled: bool
) -> Splits[Examples]:
    """A folder with a file or a folder for each part, else one folder a class, else files to predict."""
    found = {part: path for part in PARTS if (path := _part(folder, part))}
    if "train" in found or ("test" in found and not labelled):
        parts, notes, taken = {}, [], None
        for part, path in found.items():  # the training file first: the others have its columns
            parts[part], more, taken = read_file(path, taken or columns, settings, labelled=labelled)
            settings = same_rate(settings, parts[part])
            notes += more
        train = parts["train"] if "train" in parts else parts["test"]
        return Splits(train, parts.get("valid"), parts.get("test"), notes=tuple(notes), columns=taken)
    if has_classes(folder) or (not labelled and has_files(folder)):
        read = read_classes if has_classes(folder) else read_plain
        examples, notes = read(folder, settings)
        return Splits(examples, notes=tuple(notes))
    files = ", ".join(sorted(p.name for p in folder.iterdir())[:10]) or "nothing"
    raise DataError(
        f"{folder}: expected a file train.npz, train.ts, train.csv, train.tsv, train.jsonl or train.parquet, "
        "or one folder a class with texts (.txt), recordings or images, "
        f"got {files}. Name the files themselves: --data, --valid, --test."
    )


def _part(folder: Path, part: str) -> Path | None:
    """The one file or folder of a part, by its name; raises `DataError` if there are several."""
    fitting = [p for p in sorted(folder.iterdir()) if _stem(p) in PARTS[part] and _readable(p)]
    if len(fitting) > 1:
        raise DataError(f"{folder}: expected one {part} file, got {', '.join(p.name for p in fitting)}.")
    return fitting[0] if fitting else None


def _stem(path: Path) -> str:
    """What says the part: train of train.csv, of train-images-idx3-ubyte.gz and of Name_TRAIN.ts."""
    stem = path.name.split(".")[0].lower()
    return stem.split("-")[0] if is_idx(path) else stem.rpartition("_")[2] if kind_of(path) == ".ts" else stem


def _readable(path: Path) -> bool:
    return has_classes(path, 1) if path.is_dir() else kind_of(path) in _ENDINGS or is_idx(path)
