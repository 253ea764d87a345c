"""Files of named data sets: from $ELMAN_DATA, the cache or their origin, with checksums."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from elman.errors import DataError

_GZIP = b"\x1f\x8b"  # how a gzip file begins; some origins have the file plain, others packed


@dataclass(frozen=True)
class RemoteFile:
    """A file at its origin.

    sha256: of the unpacked content, since mirrors pack the same content differently.
    urls: tried in this order; none for a file that no origin offers as one file.
    """

    name: str
    sha256: str
    urls: tuple[str, ...]

    def content(self, folder: str) -> bytes:
        """The unpacked content: $ELMAN_DATA/`folder`/`name` if there, else from the cache, else downloaded
        to it.

        Raises `DataError` if the content has another checksum, or no origin can be reached.
        """
        local = os.environ.get("ELMAN_DATA")
        for place in (Path(local) / folder if local else None, cache_folder() / folder):
            if place is not None and (place / self.name).is_file():
                return self._checked(place / self.name)
        return self._download(cache_folder() / folder)

    def _checked(self, path: Path) -> bytes:
        content = path.read_bytes()
        try:
            unpacked = gzip.decompress(content) if content[:2] == _GZIP else content
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{path}: expected a gzip file, got a damaged one ({error}). Delete it to fetch it anew."
            ) from None
        digest = hashlib.sha256(unpacked).hexdigest()
        if digest != self.sha256:
            raise DataError(
                f"{path}: expected content with sha256 {self.sha256[:12]}…, got {digest[:12]}…. "
                "The file is damaged or another one: delete it to fetch it anew."
            )
        return unpacked

    def _download(self, folder: Path) -> bytes:
        import pooch

        failures = []
        fetched = folder / f"{self.name}.new{Path(self.name).suffix}"
        for url in self.urls:
            try:
                pooch.retrieve(url, known_hash=None, fname=fetched.name, path=folder)
                content = self._checked(fetched)
            except (OSError, ValueError) as error:  # requests' errors, a wrong checksum
                fetched.unlink(missing_ok=True)
                said = str(error).removeprefix(f"{fetched}: ")  # a name that is gone helps nobody
                failures.append(f"{url}: {said.splitlines()[0][:120]}")
                continue
            os.replace(fetched, folder / self.name)
            return content
        why = f"could not be fetched from its origin ({'; '.join(failures)})"
        if not self.urls:
            why = "no origin offers it as one file, so it is not downloaded"
        raise DataError(
            f"{self.name}: {why}. "
            f"Put it into {folder}, or into a folder {folder.name} that ELMAN_DATA points above."
        )


def cache_folder() -> Path:
    """Where downloads are kept: $ELMAN_CACHE, or the system's folder for caches."""
    import pooch

    return Path(os.environ.get("ELMAN_CACHE") or pooch.os_cache("elman"))
