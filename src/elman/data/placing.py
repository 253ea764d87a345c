"""Folders written beside their place and then put there, so that one is whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from elman.data.remote import cache_folder
from elman.errors import DataError

Found = TypeVar("Found")


def made_once(
    shelf: str,
    name: str,
    key: list[Any],
    find: Callable[[Path], Found | None],
    write: Callable[[Path], None],
) -> Found:
    """What `find` gives of a folder in the cache; where that is None the folder is made anew by `write`.

    shelf: the folder of the cache that it stands in, which says what is kept. name: of the source. key: all
        by which it differs from others.

    Raises what `write` raises, and `DataError` where there is no room.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    stem = "".join(c if c.isalnum() else "-" for c in Path(name).name.split(".")[0])
    folder = cache_folder() / shelf / f"{stem[:40]}-{digest[:16]}"
    found = find(folder)
    if found is None:
        try:
            with put_in_place(folder) as beside:
                write(beside)
        except OSError as error:
            message = f"{name}: its {shelf} could not be kept in '{folder}' ({error.strerror or error})."
            raise DataError(f"{message} ELMAN_CACHE names another folder for such files.") from error
        found = find(folder)
        assert found is not None
    return found


@contextmanager
def put_in_place(folder: Path) -> Iterator[Path]:
    """A new folder to write into, which becomes `folder` at the end; a former one there makes way.

    Nothing is left of it where the writing fails. Where another process was quicker its folder stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        former = beside.with_suffix(".former")
        if folder.exists():
            os.replace(folder, former)
        try:
            os.replace(beside, folder)
        except OSError:
            if not folder.exists():
                raise
        shutil.rmtree(former, ignore_errors=True)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
