"""Training takes about as much memory for a large file as for a small one."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

TIMES = 6


@pytest.mark.data
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
def test_the_memory_does_not_grow_with_the_file(data_folder: Path, tmp_path: Path) -> None:
    """Half a megabyte of reviews, once and six times: held in memory they took 36 times the file's size."""
    with gzip.open(data_folder / "imdb" / "test.tsv.gz") as file:
        file.seek(15 << 20)  # among those of both classes
        file.readline()
        lines = file.readlines(1 << 19)
    small, large = tmp_path / "small.tsv", tmp_path / "large.tsv"
    small.write_bytes(b"".join(lines))
    large.write_bytes(b"".join(lines * TIMES))
    environment = {**os.environ, "ELMAN_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, Path(__file__).with_name("growth.py"), small, large, tmp_path]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(result.stdout) < 4 * large.stat().st_size
