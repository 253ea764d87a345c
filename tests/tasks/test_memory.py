"""Training takes about as much memory for a large file as for a small one."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from elman.tasks import using
from elman.tasks.task import More
from tasks.growth import peak_of

TIMES = 6
#: bytes: a second training in one process takes up to 15 MB more than the first, on the same data too
SECOND = 24 << 20


def growth(
    task: str, lines: list[bytes], name: str, folder: Path, more: list[bytes] | None = None
) -> tuple[int, int]:
    """(private memory that `more` lines, or `TIMES` times these, take beyond these alone, their size), in
    bytes."""
    small, large = folder / f"small{name}", folder / f"large{name}"
    small.write_bytes(b"".join(lines))
    large.write_bytes(b"".join(more or lines * TIMES))
    return grown_from(task, small, large, folder), large.stat().st_size


def grown_from(task: str, small: Path, large: Path, folder: Path) -> int:
    """The same of two files."""
    environment = {**os.environ, "ELMAN_CACHE": str(folder / "cache")}
    command = [sys.executable, Path(__file__).with_name("growth.py"), task, small, large, folder]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(result.stdout)


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


@pytest.mark.data
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
def test_cases_of_a_ts_file_are_mapped_from_disk(data_folder: Path, tmp_path: Path) -> None:
    """Vowels of 12 channels, 38 MB as float32, which in memory took nearly twice as much."""
    with gzip.open(data_folder / "uea_ucr" / "JapaneseVowels_TRAIN.ts.gz") as file:
        head, rows = file.read().split(b"@data\n")
    few = [head, b"@data\n", *[rows] * 10]
    grown, _ = growth("series", few, ".ts", tmp_path, [*few, *[rows] * 180])
    assert grown < SECOND


@pytest.mark.data
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
def test_images_of_an_idx_file_are_mapped_from_disk(data_folder: Path, tmp_path: Path) -> None:
    """Digits, each three times: 85 MB as float32."""
    with gzip.open(data_folder / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        images = file.read(16 + 784 * 9_000)[16:] * 3
    with gzip.open(data_folder / "mnist" / "t10k-labels-idx1-ubyte.gz") as file:
        labels = file.read(8 + 9_000)[8:] * 3
    paths = []
    for name, count in (("small", 500), ("large", 27_000)):
        path = tmp_path / f"{name}-images-idx3-ubyte"
        path.write_bytes(b"\0\0\x08\x03" + np.array([count, 28, 28], ">u4").tobytes() + images[: 784 * count])
        beside = path.with_name(f"{name}-labels-idx1-ubyte")
        beside.write_bytes(b"\0\0\x08\x01" + np.array([count], ">u4").tobytes() + labels[:count])
        paths.append(path)
    assert grown_from("series", paths[0], paths[1], tmp_path) < SECOND


@pytest.mark.data
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
def test_rolls_are_mapped_from_disk(data_folder: Path, tmp_path: Path) -> None:
    """Chorales with the notes of the next step as labels: held in memory they took 340 MB."""
    with gzip.open(data_folder / "jsb_chorales" / "jsb-chorales-quarter.json.gz") as file:
        pieces = json.load(file)["train"]
    lengths = np.array([len(piece) for piece in pieces])
    rolls = np.zeros((lengths.sum(), 88), dtype=np.float32)
    for row, notes in zip(rolls, (notes for piece in pieces for notes in piece), strict=True):
        row[[int(note) - 21 for note in notes if note > 0]] = 1
    paths = []
    for times in (1, 3 * TIMES):
        paths.append(tmp_path / f"{times}.npz")
        held = {"X": np.tile(rolls, (times, 1)), "y": np.tile(np.roll(rolls, -1, 0), (times, 1))}
        np.savez(paths[-1], **held, lengths=np.tile(lengths, times))
    assert grown_from("rolls", paths[0], paths[1], tmp_path) < 40 << 20


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux how much memory is taken")
def test_a_table_of_predictions_is_not_written_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """92 MB of CSV, which as text took 91 MB, and as much again as bytes."""
    rows = 2_000_000
    chances = np.random.default_rng(0).random((2, rows))
    table = pl.DataFrame({"row": np.arange(rows), "p": chances[0], "q": chances[1]})

    class Predicting:
        def predictions(self, model: object, part: object) -> pl.DataFrame:
            return table

    monkeypatch.setattr(using, "open_run", lambda run: (Predicting(), None, None))
    monkeypatch.setattr(using, "part_of", lambda *_, **__: More(None, "data"))
    out = tmp_path / "predicted.csv"
    grown = peak_of(lambda: using.predict("run", Console(quiet=True), data="data", out=str(out)))
    assert pl.scan_csv(out).select(pl.len()).collect().item() == rows
    assert grown < 40 << 20
