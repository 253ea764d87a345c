"""Training takes about as much memory for a large file as for a small one."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

TIMES = 6


def growth(
    task: str, lines: list[bytes], name: str, folder: Path, more: list[bytes] | None = None
) -> tuple[int, int]:
    """(private memory that `more` lines, or `TIMES` times these, take beyond these alone, their size), in
    bytes."""
    small, large = folder / f"small{name}", folder / f"large{name}"
    small.write_bytes(b"".join(lines))
    large.write_bytes(b"".join(more or lines * TIMES))
    environment = {**os.environ, "ELMAN_CACHE": str(folder / "cache")}
    command = [sys.executable, Path(__file__).with_name("growth.py"), task, small, large, folder]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(result.stdout), large.stat().st_size


@pytest.mark.data
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
def test_the_memory_does_not_grow_with_the_file(data_folder: Path, tmp_path: Path) -> None:
    """Half a megabyte of reviews, once and six times: held in memory they took 36 times the file's size."""
    with gzip.open(data_folder / "imdb" / "test.tsv.gz") as file:
        file.seek(15 << 20)  # among those of both classes
        file.readline()
        lines = file.readlines(1 << 19)
    grown, size = growth("classify", lines, ".tsv", tmp_path)
    assert grown < 4 * size


@pytest.mark.data
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
def test_the_memory_does_not_grow_with_the_tokens(data_folder: Path, tmp_path: Path) -> None:
    """Tagged sentences, once and six times: held in memory they took 52 times the file's size."""
    with gzip.open(data_folder / "ud_english_ewt" / "train.tsv.gz") as file:
        lines = file.read().split(b"\n\n")[:1_000]
    grown, size = growth("tag", [line + b"\n\n" for line in lines], ".tsv", tmp_path)
    assert grown < 4 * size


@pytest.mark.data
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
@pytest.mark.parametrize("task", ["read", "steps"])
def test_a_long_table_is_mapped_from_disk(task: str, data_folder: Path, tmp_path: Path) -> None:
    """Days of hourly measurements, every second one behind the others: sorted in memory they took 102 to 110
    bytes a row, mapped 8 to 10."""
    with gzip.open(data_folder / "ett" / "ETTh1.csv.gz") as file:
        head, *rows = file.read().splitlines(keepends=True)
    small = [b"%s,%s,%s" % (row[:10], row[5:7], row) for row in rows]
    small = small[::2] + small[1::2]
    large = [b"%d-%s" % (time, row) for time in range(3 * TIMES) for row in small]
    head = b"id,label," + head
    grown, _ = growth(task, [head, *small], ".csv", tmp_path, [head, *large])
    assert grown < 40 * (len(large) - len(small))


@pytest.mark.data
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
def test_series_to_forecast_are_mapped_from_disk(data_folder: Path, tmp_path: Path) -> None:
    """A year and a half of load, as many series: held in memory they took 282 bytes a row."""
    with gzip.open(data_folder / "ett" / "ETTh1.csv.gz") as file:
        head, *rows = file.read().splitlines(keepends=True)
    small = [b"a," + row for row in rows]
    large = [b"%d," % series + row for series in range(3 * TIMES) for row in rows]
    head = b"unique_id," + head.replace(b"OT", b"y")
    grown, _ = growth("windows", [head, *small], ".csv", tmp_path, [head, *large])
    assert grown < 60 * (len(large) - len(small))
