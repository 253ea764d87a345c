"""Texts: where running text comes from, read block by block, so that it never has to fit in memory."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from elman.data.files import existing
from elman.errors import DataError

BLOCK = 1 << 20  # bytes read at a time


@dataclass(frozen=True)
class Text:
    """One text.

    name: what messages call it.
    file: where it stands; None for a text that is not in a file of its own.
    reader: opens it for reading bytes, unpacked.
    digest: sha256 of the content where it is known without reading it.
    """

    name: str
    reader: Callable[[], BinaryIO]
    file: Path | None = None
    digest: str | None = None

    def blocks(self) -> Iterator[str]:
        """The text in pieces that end at line ends (in lines longer than a block at spaces), "\\n" at each
        line's end.

        Raises `DataError` with line and byte where it is not UTF-8, or the file is damaged.
        """
        rest = ""
        for piece in self._pieces():
            text = rest + piece
            cut = (text.rfind("\n") + 1) or (text.rfind(" ") + 1) or len(text)
            if cut:
                yield text[:cut]
            rest = text[cut:]
        if rest:
            yield rest

    def _pieces(self) -> Iterator[str]:
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8-sig")(), translate=True)
        read, lines, content = 0, 0, b""
        with self.reader() as file:
            while True:
                try:
                    content = file.read(BLOCK)
                    yield decoder.decode(content, final=not content)  # type: ignore[call-overload]
                except UnicodeDecodeError as error:
                    start = read + len(content) - len(error.object) + error.start
                    line = lines + content.count(b"\n", 0, max(start - read, 0)) + 1
                    raise DataError(
                        f"{self.name}: expected UTF-8 text, got the byte 0x{error.object[error.start]:02x} "
                        f"in line {line} (byte {start} of the text). "
                        "Convert it first, e.g. iconv -f latin1 -t utf-8."
                    ) from None
                except (OSError, EOFError, zlib.error) as error:
                    raise DataError(f"{self.name}: could not be read to its end ({error}).") from None
                if not content:
                    return
                read, lines = read + len(content), lines + content.count(b"\n")

    def identity(self) -> dict[str, Any]:
        """What tells this text from another without reading it: path, size and time of change."""
        if self.file is None:
            return {"name": self.name, "sha256": self.sha256()}
        about = self.file.stat()
        return {"path": str(self.file), "size": about.st_size, "mtime_ns": about.st_mtime_ns}

    def sha256(self) -> str:
        """Hex digest of the content (of the file as it stands, for a file)."""
        if self.digest is not None:
            return self.digest
        sha = hashlib.sha256()
        with open(self.file, "rb") if self.file is not None else self.reader() as file:
            while content := file.read(BLOCK):
                sha.update(content)
        return sha.hexdigest()


def text_file(path: str | Path, *, what: str = "data") -> Text:
    """The text in a file, unpacked if its name ends in .gz; raises `DataError` if there is none."""
    file = existing(Path(path).expanduser(), what=what).resolve()
    packed = file.suffix == ".gz"
    return Text(str(path), lambda: cast(BinaryIO, gzip.open(file) if packed else open(file, "rb")), file)


def text_given(text: str, *, name: str = "X") -> Text:
    """A text in memory."""
    return text_of_bytes(text.encode("utf-8", "surrogatepass"), name=name)


def text_of_bytes(content: bytes, *, name: str) -> Text:
    """A text in memory, as UTF-8."""
    return Text(name, lambda: io.BytesIO(content), digest=hashlib.sha256(content).hexdigest())
