"""The tokens of stored texts: cut once, kept beside the texts and mapped into memory.

A folder tokens-… in that of the texts holds `tokens.i32`, the numbers of all tokens one text after the other
and a zero behind them (the padding of `Sequences`), and `lengths.npy`. It goes with the texts where their
source has changed.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from elman.data.placing import put_in_place
from elman.data.sequences import PAD, Sequences
from elman.data.shorten import shorten
from elman.data.text_store import StoredTexts
from elman.data.tokens import Vocabulary
from elman.errors import DataError

KEPT = 4  # vocabularies by which the same texts are kept


def tokens_of(
    texts: Sequence[str], vocabulary: Vocabulary, *, steps: int | None = None, keep: str = "ends"
) -> Sequences:
    """Texts as sequences of tokens, by `shorten` cut to `steps` of them; stored ones from their store."""
    if not isinstance(texts, StoredTexts):
        return _cut(texts, vocabulary, steps, keep)
    key = hashlib.sha256(f"{vocabulary.to_json()} {steps} {keep if steps else ''}".encode()).hexdigest()
    folder = texts.where / f"tokens-{key[:16]}"
    found = _open(folder, len(texts.all))
    if found is None:
        _forget(texts.where)
        try:
            with put_in_place(folder) as beside:
                _write(beside, texts.all, vocabulary, steps, keep)
        except OSError as error:
            raise DataError(f"'{folder}' could not be written ({error.strerror or error}).") from error
        found = _open(folder, len(texts.all))
        assert found is not None
    return found if texts.rows is None else found.select(texts.rows)


def _cut(texts: Sequence[str], vocabulary: Vocabulary, steps: int | None, keep: str) -> Sequences:
    encoded = vocabulary.encode(texts)
    return encoded if steps is None else shorten(encoded, steps, keep)


def _write(folder: Path, texts: StoredTexts, vocabulary: Vocabulary, steps: int | None, keep: str) -> None:
    lengths = [np.zeros(0, dtype=np.int64)]
    with open(folder / "tokens.i32", "wb") as file:
        for block in texts.blocks():
            cut = _cut(block, vocabulary, steps, keep)
            numbers, _ = cut.flat()
            file.write(numbers.astype(np.int32).tobytes())
            lengths.append(cut.lengths.numpy())
        file.write(np.array([PAD], dtype=np.int32).tobytes())
    np.save(folder / "lengths.npy", np.concatenate(lengths))


def _open(folder: Path, texts: int) -> Sequences | None:
    """The tokens in a folder; None if they are not those of so many texts."""
    try:
        lengths = torch.from_numpy(np.load(folder / "lengths.npy"))
        (folder / "tokens.i32").touch()  # used last
        # copy-on-write: nothing is ever written, and torch wants memory that could be
        values = torch.from_numpy(np.memmap(folder / "tokens.i32", np.int32, mode="c"))
    except (OSError, ValueError):
        return None
    whole = len(lengths) == texts and len(values) == int(lengths.sum()) + 1
    return Sequences(values, lengths.cumsum(0) - lengths, lengths) if whole else None


def _forget(texts: Path) -> None:
    """Make room: remove the tokens that were not used for longest."""
    made = [(path.stat().st_mtime_ns, path.parent) for path in texts.glob("tokens-*/tokens.i32")]
    for _, folder in sorted(made)[: -KEPT + 1]:
        shutil.rmtree(folder, ignore_errors=True)
