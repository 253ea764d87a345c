"""The named data sets with labels for steps. A new one is one function and one line in `NAMED_TAGGED`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import numpy as np

from elman.data.conll import tokens_of_lines
from elman.data.examples import Splits
from elman.data.remote import RemoteFile
from elman.data.sequences import Sequences
from elman.data.tagged import StepColumns, Tagged
from elman.data.text_store import Source

_UD_EWT = {
    "train": "96825809b698a70d8baa03c71443f871b00ed26b36d72b11ae0e8a6ce5670b5e",
    "dev": "405846b03b39487a0e17ab18c623e3f1933b50f003ac5d128ad4a5020c52168b",
    "test": "5f70256c1754e55fd031c2e9df734b17c188e7a92b3beec1d368824c60a823de",
}
_JSB = "23728dcb0727eb3974cc88e8f96a39e1b03cf477f114ce3eda331430c459cb85"
KEYS, LOWEST = 88, 21  # of a piano, and the MIDI number of the lowest
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def ud_ewt() -> Splits[Tagged]:
    """12,544 + 2,001 + 2,077 sentences of English from the web, each word with its universal part of speech.

    N. Silveira et al., A gold standard dependency corpus for English, 2014; Universal Dependencies, r2.16.
    """
    parts = {}
    for part, digest in _UD_EWT.items():
        parts[part], _, _ = tokens_of_lines(
            partial(_lines, RemoteFile(f"{part}.tsv.gz", digest, ())),
            StepColumns(token="1", label="2", header="no"),
            f"ud_ewt {part}",
            Source(f"ud_ewt {part}", digest),
        )
    return Splits(parts["train"], parts["dev"], parts["test"])


def _lines(remote: RemoteFile) -> list[str]:
    return [remote.content("ud_english_ewt").decode()]


def jsb() -> Splits[Tagged]:
    """229 + 76 + 77 chorales by J. S. Bach as piano rolls: for each quarter note, which of 88 keys sound.

    N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, Modeling temporal dependencies in high-dimensional
    sequences, 2012 (arXiv:1206.6392).
    """
    pieces = json.loads(RemoteFile("jsb_chorales.json.gz", _JSB, ()).content("poly_music"))
    names = tuple(f"{_NOTES[(key + LOWEST) % 12]}{(key + LOWEST) // 12 - 1}" for key in range(KEYS))
    parts = {}
    for part in ("train", "valid", "test"):
        rolls = [np.zeros((len(piece), KEYS), dtype=np.float32) for piece in pieces[part]]
        for roll, piece in zip(rolls, pieces[part], strict=True):
            for step, keys in enumerate(piece):
                roll[step, keys] = 1.0
        parts[part] = Tagged(Sequences.from_arrays(rolls), None, f"jsb {part}", names)
    return Splits(parts["train"], parts["valid"], parts["test"])


NAMED_TAGGED: dict[str, Callable[[], Splits[Tagged]]] = {"ud_ewt": ud_ewt, "jsb": jsb}
