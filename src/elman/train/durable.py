"""Files that are whole or not there: write beside, flush to the disk, rename."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from elman.errors import RunError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write into, which replaces `path` in one step at the end; on any failure the former file is
    untouched.

    Raises `RunError` if the disk is full or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")  # several processes may write one file
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync_folder(path.parent)
    except OSError as error:
        kept = "The former file is whole. " if path.exists() else ""
        raise RunError(
            f"{path}: could not be written ({error.strerror or error}). {kept}"
            "Free some space or name another folder, then go on with --resume."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """`replacing` by `content`."""
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for text, in UTF-8."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """`write_text` for plain values, indented."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def sha256(content: bytes | memoryview) -> str:
    """Hex digest of `content`."""
    return hashlib.sha256(content).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last; where folders cannot be opened (Windows) the system does so."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
