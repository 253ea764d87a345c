"""Token stores: texts cut into tokens once, kept on disk and mapped into memory from then on.

A store is a folder, written beside and renamed, so that it is whole or not there:

| file | what |
| --- | --- |
| train.tokens, valid.tokens, test.tokens | the tokens' numbers: little-endian, the smallest unsigned type |
| vocabulary.json | the tokens (JSON of the tokenizers library) |
| manifest.json | format, type, how the texts were cut, sources and their fingerprints, sizes |
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elman.data.codec import UNKNOWN, Codec
from elman.data.cutting import Cutting, Passage, Tokens, coded_blocks, in_memory, smallest_type
from elman.data.placing import put_in_place
from elman.data.remote import cache_folder
from elman.data.texts import Text, text_file
from elman.data.tokens import Vocabulary
from elman.errors import DataError

FORMAT = "elman tokens 1"
REMEDY = "Delete the folder to make it anew, or name another by --store."
MANIFEST, VOCABULARY = "manifest.json", "vocabulary.json"


@dataclass(frozen=True)
class TokenStore:
    """Texts as tokens.

    parts: train, and valid and test where there are any. cutting: how the texts were cut.
    fingerprint: of the tokens; another one means other data. where: its folder.
    """

    parts: dict[str, Tokens]
    codec: Codec
    cutting: Cutting
    fingerprint: str
    where: str


def is_store(path: Path) -> bool:
    """Whether there is a token store."""
    return (path / MANIFEST).is_file()


def stored(texts: Mapping[str, Text], cutting: Cutting, folder: Path | None = None) -> TokenStore:
    """The tokens of `texts` from the store in `folder` or, without one, in the cache; made if not there yet.

    A store in the cache whose source has changed is made anew; for one that was named this is an error, as is
    another cutting: `DataError`.
    """
    named = folder is not None
    place = folder if folder is not None else _cached(texts, cutting)
    if is_store(place):
        try:
            return open_store(place, texts, cutting)
        except DataError:
            if named:
                raise
    elif place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise DataError(
            f"store: expected a new folder or a store of tokens, got '{place}' with other files. "
            "Name another by --store."
        )
    _write(place, texts, cutting)
    return open_store(place)


def stored_by(passage: Passage, codec: Codec) -> Tokens:
    """The tokens of a whole text by a vocabulary that there is already, as a store in the cache; made if it
    is not there yet, or the text has changed. A text that is in no file of its own stays in memory.
    """
    if passage.text.file is None or passage != Passage(passage.text):
        return in_memory(passage, codec)
    texts, cutting = {"train": passage.text}, Cutting(codec.kind, valid_share=0.0, test_share=0.0)
    place = _cached(texts, cutting, codec.vocabulary.to_json())
    try:
        return open_store(place, texts, cutting).parts["train"]
    except DataError:
        _write(place, texts, cutting, codec)
    return open_store(place).parts["train"]


def open_store(
    folder: Path, texts: Mapping[str, Text] | None = None, cutting: Cutting | None = None
) -> TokenStore:
    """The store in a folder.

    texts, cutting: what it has to be made from, and how; None: whatever it was made from, as that stands now.

    Raises `DataError` if a source has changed since, or anything about the store is not as it was written.
    """
    try:
        about = json.loads((folder / MANIFEST).read_text())
        if about["format"] != FORMAT:
            raise DataError(f"{folder}: expected a store of format {FORMAT!r}, got {about['format']!r}.")
        was = Cutting(**about["cutting"])
        codec = Codec(Vocabulary.from_json((folder / VOCABULARY).read_text(), source=str(folder)), was.tokens)
        parts = {part: _mapped(folder, part, about, codec) for part in about["parts"]}
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        message = f"{folder}: expected a store of tokens, got a damaged one ({error}). {REMEDY}"
        raise DataError(message) from None
    if cutting is not None and was != cutting:
        raise DataError(f"store: '{folder}' was cut with {_differences(was, cutting)}. {REMEDY}")
    _check_sources(folder, about["sources"], texts)
    return TokenStore(parts, codec, was, about["fingerprint"], str(folder))


def _cached(texts: Mapping[str, Text], cutting: Cutting, vocabulary: str = "") -> Path:
    """The folder for these sources, wherever they stand, this cutting and a vocabulary that is given."""
    sources = [(part, str(text.file or text.name)) for part, text in texts.items()]
    about = [sources, dataclasses.asdict(cutting), *([vocabulary] if vocabulary else [])]
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    stem = "".join(c if c.isalnum() else "-" for c in Path(texts["train"].name).name.split(".")[0])
    return cache_folder() / "tokens" / f"{stem[:40]}-{key[:16]}"


def _mapped(folder: Path, part: str, about: Mapping[str, Any], codec: Codec) -> Tokens:
    path, kind, said = folder / f"{part}.tokens", np.dtype(about["dtype"]), about["parts"][part]
    if path.stat().st_size != said["tokens"] * kind.itemsize:
        raise DataError(
            f"{path}: expected {said['tokens']:,} tokens of {kind.itemsize} bytes, "
            f"got {path.stat().st_size:,} bytes. {REMEDY}"
        )
    values = np.memmap(path, dtype=kind, mode="r") if said["tokens"] else np.zeros(0, kind)
    return Tokens(values, said["characters"], said["unknown"], said["source"], codec)


def _check_sources(
    folder: Path, sources: Mapping[str, Mapping[str, Any]], texts: Mapping[str, Text] | None
) -> None:
    """Raise `DataError` where a text is not the one that the store was made from."""
    for part, was in sources.items():
        path = was.get("path")
        if texts is None:
            if path is None or not os.path.exists(path):
                continue  # the store stands for itself
            text = text_file(path)
        elif part not in texts:
            raise DataError(f"store: '{folder}' has a part {part}, the data given has none. {REMEDY}")
        else:
            text = texts[part]
        same = all(was.get(key) == value for key, value in text.identity().items())
        if not same and text.sha256() != was["sha256"]:
            how = "which has changed since" if path == str(text.file) else f"not from {text.name}"
            raise DataError(f"store: '{folder}' was made from {path or was['name']}, {how}. {REMEDY}")
    if texts is not None and (more := [part for part in texts if part not in sources]):
        raise DataError(f"store: '{folder}' has no part {more[0]}, the data given has one. {REMEDY}")


def _differences(was: Cutting, wanted: Cutting) -> str:
    old, new = dataclasses.asdict(was), dataclasses.asdict(wanted)
    return ", ".join(f"{name} {old[name]!r}, not {new[name]!r}" for name in old if old[name] != new[name])


def _write(folder: Path, texts: Mapping[str, Text], cutting: Cutting, codec: Codec | None = None) -> None:
    """Cut the texts into a folder beside, then put it in place; without a codec its vocabulary is learned."""
    try:
        with put_in_place(folder) as beside:
            sources = {part: {**text.identity(), "sha256": text.sha256()} for part, text in texts.items()}
            passages = cutting.cut(texts)
            codec = codec or Codec(cutting.vocabulary(passages["train"]), cutting.tokens)
            (beside / VOCABULARY).write_text(codec.vocabulary.to_json())
            kind, sha = smallest_type(len(codec)), hashlib.sha256()
            parts = {part: _write_part(beside, part, kind, passages[part], codec, sha) for part in passages}
            about = {"format": FORMAT, "dtype": kind.str, "fingerprint": sha.hexdigest(), "sources": sources}
            about |= {"cutting": dataclasses.asdict(cutting), "parts": parts}
            (beside / MANIFEST).write_text(json.dumps(about, indent=2) + "\n")
    except OSError as error:
        raise DataError(f"store: '{folder}' could not be written ({error.strerror or error}).") from error


def _write_part(
    folder: Path, part: str, kind: np.dtype, passage: Passage, codec: Codec, sha: Any
) -> dict[str, Any]:
    said = {"tokens": 0, "characters": 0, "unknown": 0, "source": passage.text.name}
    sha.update(part.encode())
    with open(folder / f"{part}.tokens", "wb") as file:
        for numbers, characters in coded_blocks(passage, codec):
            content = numbers.astype(kind).tobytes()
            sha.update(content)
            file.write(content)
            said["tokens"] += len(numbers)
            said["characters"] += characters
            said["unknown"] += int(np.count_nonzero(numbers == UNKNOWN))
        file.flush()
        os.fsync(file.fileno())
    return said
