"""Step stores: sequences of tokens with a label for each, kept on disk and mapped into memory, so that they
never have to fit in it.

A store is a folder in the cache, whole or not there:

| file | what |
| --- | --- |
| tokens.i32, labels.i32 | (S,) int32, the numbers of the tokens and labels, one sequence after the other |
| lines.i64 | (S,) int64, the line or row of the file that each is from |
| offsets.npy | (N + 1,) int64, the step at which each sequence begins, and the end of the last |
| different.json | the different tokens and labels, in the order of their numbers |
| called/ | the names of the sequences, as a text store has them; not there where there are none |
| store.json | format, the stamp of the source, sizes |

Only the different tokens are held in memory. One whose source has changed is made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elman.data.placing import made_once
from elman.data.steps import Steps, StepTokens
from elman.data.text_store import Source, StoredTexts, TextWriter, mapped_texts

FORMAT = "elman steps 1"
_KINDS = {"tokens.i32": np.int32, "labels.i32": np.int32, "lines.i64": np.int64}


class StepPiece(NamedTuple):
    """Some steps, one after the other; the last ones may belong to a sequence that goes on in the next piece.

    labels: None where there are none. lines: what messages call each step. ends: behind which of these steps
    a sequence ends, counted from 1; the same number again is an empty sequence. called: a name for each end.
    """

    tokens: Sequence[str]
    labels: Sequence[Any] | None
    lines: Sequence[int] | np.ndarray
    ends: Sequence[int] | np.ndarray
    called: Sequence[str] | None = None


@dataclass(frozen=True)
class StoredSteps:
    """What a store holds: N sequences of tokens, their labels and names where there are any, their lines."""

    tokens: StepTokens
    labels: Steps | None
    lines: Steps
    called: StoredTexts | None


def stored_steps(
    source: Source, settings: Mapping[str, Any], read: Callable[[], Iterable[StepPiece]]
) -> StoredSteps:
    """The sequences of a source from their store in the cache; made from what `read` gives if not there yet.

    settings: how the source is read; others have another store. All labels are whole numbers, or all texts.

    Raises what `read` raises, and `DataError` where the store cannot be written.
    """
    return made_once(
        "steps",
        source.name,
        [FORMAT, source.name, settings],
        lambda folder: _open(folder, source.stamp),
        lambda folder: _write(folder, source.stamp, read()),
    )


def _open(folder: Path, stamp: str) -> StoredSteps | None:
    """What is in a store; None if there is no whole one of this stamp."""
    try:
        about = json.loads((folder / "store.json").read_bytes())
        if about["stamp"] != stamp:
            return None
        different = json.loads((folder / "different.json").read_bytes())
        offsets = np.load(folder / "offsets.npy")
        numbers = {name: _mapped(folder / name, kind) for name, kind in _KINDS.items()}
        called = None if about["called"] is None else mapped_texts(folder / "called", about["called"])
    except (OSError, ValueError, KeyError):
        return None
    sizes = dict.fromkeys(_KINDS, about["steps"])
    sizes["labels.i32"] *= about["labelled"]
    if len(offsets) != about["sequences"] + 1 or any(len(numbers[name]) != sizes[name] for name in sizes):
        return None
    starts, lengths = offsets[:-1], np.diff(offsets)
    labels = Steps(numbers["labels.i32"], starts, lengths, np.array(different["labels"]))
    return StoredSteps(
        StepTokens(numbers["tokens.i32"], starts, lengths, different["tokens"]),
        labels if about["labelled"] else None,
        Steps(numbers["lines.i64"], starts, lengths),
        called,
    )


def _mapped(path: Path, kind: type[np.generic]) -> np.ndarray:
    return np.asarray(np.memmap(path, kind, mode="r")) if path.stat().st_size else np.zeros(0, dtype=kind)


def _write(folder: Path, stamp: str, pieces: Iterable[StepPiece]) -> None:
    tokens: dict[str, int] = {}
    labels: dict[Any, int] = {}
    ends = [np.zeros(1, dtype=np.int64)]
    steps, labelled, names = 0, False, None
    with ExitStack() as stack:
        files = {name: stack.enter_context(open(folder / name, "wb")) for name in _KINDS}
        for piece in pieces:
            files["tokens.i32"].write(_numbers(piece.tokens, tokens))
            files["lines.i64"].write(np.asarray(piece.lines, dtype=np.int64).tobytes())
            if piece.labels is not None:
                labelled = True
                files["labels.i32"].write(_numbers(piece.labels, labels))
            if piece.called is not None:
                if names is None:
                    (folder / "called").mkdir()
                    names = stack.enter_context(TextWriter(folder / "called"))
                names.add(piece.called)
            ends.append(np.asarray(piece.ends, dtype=np.int64) + steps)
            steps += len(piece.tokens)
        size = None if names is None else int(names.finish()[-1])
    offsets = np.concatenate(ends)
    np.save(folder / "offsets.npy", offsets)
    (folder / "different.json").write_text(json.dumps({"tokens": list(tokens), "labels": list(labels)}))
    about = {"format": FORMAT, "stamp": stamp, "sequences": len(offsets) - 1, "steps": steps}
    (folder / "store.json").write_text(json.dumps({**about, "labelled": labelled, "called": size}))


def _numbers(values: Sequence[Any], known: dict[Any, int]) -> bytes:
    """Their numbers as int32; one that is new gets the next."""
    found = (known.setdefault(value, len(known)) for value in values)
    return np.fromiter(found, dtype=np.int32, count=len(values)).tobytes()
