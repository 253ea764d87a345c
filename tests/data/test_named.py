"""Named data sets: what they hold, and where their files come from; a local server is the origin."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from elman.data.named import NAMED, digits, parse_idx
from elman.data.remote import RemoteFile
from elman.data.sequences import Sequences
from elman.errors import DataError

CONTENT = b"some content " * 50


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal of the tests."""


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with good.gz and wrong.gz; cache and ELMAN_DATA are empty folders."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "good.gz").write_bytes(gzip.compress(CONTENT))
    (served / "wrong.gz").write_bytes(gzip.compress(b"something else"))
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ELMAN_DATA", str(tmp_path / "own"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def remote(*urls: str) -> RemoteFile:
    return RemoteFile("file.gz", hashlib.sha256(CONTENT).hexdigest(), urls)


def test_a_file_is_fetched_once_and_kept(origin: str, tmp_path: Path) -> None:
    assert remote(f"{origin}none.gz", f"{origin}wrong.gz", f"{origin}good.gz").content("set") == CONTENT
    assert [path.name for path in (tmp_path / "cache" / "set").iterdir()] == ["file.gz"]
    assert remote("http://127.0.0.1:9/never-asked").content("set") == CONTENT


def test_a_wrong_file_at_the_origin_is_not_kept(origin: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        remote(f"{origin}wrong.gz").content("set")
    start = f"file.gz: could not be fetched from its origin ({origin}wrong.gz: expected content with sha256 "
    assert str(error.value).startswith(start)
    assert list((tmp_path / "cache" / "set").iterdir()) == []


def test_own_files_come_first_and_are_checked(origin: str, tmp_path: Path) -> None:
    own = tmp_path / "own" / "set"
    own.mkdir(parents=True)
    (own / "file.gz").write_bytes(gzip.compress(CONTENT, 1))
    assert remote("http://127.0.0.1:9/never-asked").content("set") == CONTENT
    (own / "file.gz").write_bytes(gzip.compress(b"other"))
    digest, want = (hashlib.sha256(c).hexdigest()[:12] for c in (b"other", CONTENT))
    with pytest.raises(DataError) as error:
        remote(f"{origin}good.gz").content("set")
    assert str(error.value) == (
        f"{own}/file.gz: expected content with sha256 {want}…, got {digest}…. "
        "The file is damaged or another one: delete it to fetch it anew."
    )


def test_digits() -> None:
    splits = digits()
    assert splits.test is not None
    assert isinstance(splits.train.inputs, Sequences)
    assert (len(splits.train), len(splits.test), splits.train.inputs.features) == (1438, 359, 8)
    assert 0 <= float(splits.train.inputs.values.min()) < float(splits.train.inputs.values.max()) == 1
    for part in (splits.train, splits.test):
        assert part.labels is not None
        assert np.bincount(part.labels).min() > 0.09 * len(part)
    assert not set(splits.train.inputs.starts.tolist()) & set(splits.test.inputs.starts.tolist())  # type: ignore[union-attr]


def test_idx() -> None:
    content = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6))
    assert parse_idx(content, "here").tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(DataError) as error:
        parse_idx(content[:-1], "here")
    assert str(error.value) == "here: expected 6 bytes of data, got 5."
    with pytest.raises(
        DataError, match="here: expected an IDX file of bytes, got one that begins with 1f8b0800"
    ):
        parse_idx(b"\x1f\x8b\x08\x00", "here")


@pytest.mark.data
@pytest.mark.parametrize(("name", "sizes"), [("mnist", (60_000, None, 10_000)), ("sst2", (6920, 872, 1821))])
def test_real_sets(name: str, sizes: tuple[int | None, ...]) -> None:
    splits = NAMED[name]()
    parts = (splits.train, splits.valid, splits.test)
    assert tuple(None if part is None else len(part) for part in parts) == sizes
