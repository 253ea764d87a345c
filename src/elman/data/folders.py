"""Folders with one folder a class: of text files, recordings or images. A list of files with labels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from elman.data import audio, images
from elman.data.audio import AudioSettings, read_recordings
from elman.data.examples import Examples
from elman.data.feature_store import file_item
from elman.data.files import check_utf8
from elman.data.images import read_images
from elman.data.labels import labels_from_texts
from elman.data.text_store import Source, stored_texts
from elman.errors import DataError

TEXTS = (".txt",)
ENDINGS = {
    **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(audio.ENDINGS, "audio"),
    **dict.fromkeys(images.ENDINGS, "images"),
}
UNLABELLED = ("unsup", "unlabelled", "unlabeled")  # folders of texts without a class, such as IMDb's


@dataclass(frozen=True)
class FileSettings:
    """How files become sequences.

    read: rows or columns, of images.
    skip_bad: go on without files that are damaged or silent, and say which.
    """

    audio: AudioSettings = field(default_factory=AudioSettings)
    read: str = "rows"
    skip_bad: bool = False


DEFAULT = FileSettings()


def has_classes(folder: Path, least: int = 2) -> bool:
    """Whether there are so many folders or more with files that can be read in `folder`."""
    return len(_classes(folder)) >= least


def has_files(folder: Path) -> bool:
    """Whether there are files in `folder` itself that can be read one by one, for prediction."""
    return bool(_files(folder))


def read_classes(folder: Path, settings: FileSettings) -> tuple[Examples, list[str]]:
    """(examples from a folder with one folder a class, notes)."""
    files, labels = [], []
    for name, inside in _classes(folder).items():
        files += inside
        labels += [name] * len(inside)
    return read_files(files, labels_from_texts(labels), str(folder), settings)


def read_plain(folder: Path, settings: FileSettings) -> tuple[Examples, list[str]]:
    """(examples without labels from the files of a folder, notes)."""
    return read_files(_files(folder), None, str(folder), settings)


def read_files(
    files: Sequence[Path], labels: np.ndarray | None, source: str, settings: FileSettings
) -> tuple[Examples, list[str]]:
    """(examples from files of one kind, notes).

    Raises `DataError` for files of several kinds, and for a bad file, which it names.
    """
    kinds = {ENDINGS.get(path.suffix.lower(), ""): path for path in reversed(files)}
    names = np.array([str(path) for path in files])
    if len(kinds) > 1 or "" in kinds:
        listed = ", ".join(sorted(f"'{path}'" for path in kinds.values()))
        raise DataError(f"{source}: expected files of one kind (texts, recordings or images), got {listed}.")
    if "text" in kinds:
        stamps = [file_item(path).stamp for path in files]
        stamp = hashlib.sha256("\0".join([*names, *stamps]).encode()).hexdigest()
        stored = stored_texts(
            Source(os.path.abspath(source), stamp), {}, lambda: (([_text(path)], None) for path in files)
        )
        return Examples(stored.texts, labels, source, names=names), []
    items = [file_item(path) for path in files]
    rate = None
    if "audio" in kinds:
        kept, notes, rate = read_recordings(source, items, settings.audio, skip_bad=settings.skip_bad)
    else:
        kept, notes = read_images(source, items, settings.read, skip_bad=settings.skip_bad)
    labels = None if labels is None else labels[kept.kept]
    return Examples(kept.sequences, labels, source, names=names[kept.kept], rate=rate), notes


def same_rate(settings: FileSettings, examples: Examples) -> FileSettings:
    """The settings for further parts of the same data: recordings are brought to the same rate."""
    rate = examples.rate or settings.audio.sampling_rate
    return replace(settings, audio=replace(settings.audio, sampling_rate=rate))


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The files of each class, by name, sorted."""
    inside = {
        path.name: _files(path)
        for path in sorted(folder.iterdir())
        if path.is_dir() and path.name not in UNLABELLED and not path.name.startswith(".")
    }
    return {name: files for name, files in inside.items() if files}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())


def _text(path: Path) -> str:
    content = path.read_bytes()
    check_utf8(content, path)
    return content.decode().removeprefix("\ufeff")
