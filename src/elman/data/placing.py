"""Folders written beside their place and then put there, so that one is whole or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
