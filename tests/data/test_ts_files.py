"""The .ts format: ragged cases, missing values, and every broken header answered with its line."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from elman.data import spilled, table_files
from elman.data.sequences import Sequences
from elman.data.ts_files import parse_ts, read_ts
from elman.errors import DataError

HEADER = "# a comment\n@problemName Two\n@dimensions 2\n@equalLength false\n@classLabel true up down\n@data\n"
CASES = "1,2,3:4,5,6:up\n\n0.5,?:-1,1e-3:down\n"


def test_ragged_cases() -> None:
    examples = parse_ts([(HEADER + CASES).encode()], "two.ts")
    assert isinstance(examples.inputs, Sequences)
    assert examples.inputs.lengths.tolist() == [3, 2]
    wanted = [[1, 4], [2, 5], [3, 6], [0.5, -1], [np.nan, 1e-3]]
    np.testing.assert_allclose(examples.inputs.values[:-1].numpy(), wanted)
    assert examples.labels is not None
    assert examples.labels.tolist() == ["up", "down"]
    assert examples.first_row == 7


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1,2:up\n", "line 1: expected a header line that begins with @, got '1,2:up'."),
        ("@problemName X\n", "expected a line @data behind the header, got none."),
        (
            "@dimensoins 2\n@data\n",
            "line 1: header line: unknown name '@dimensoins'. Did you mean '@dimensions'? Valid: "
            "@classlabel, @data, @dimension, @dimensions, @equallength, @missing, @problemname, "
            "@serieslength, @targetlabel, @timestamps, @univariate.",
        ),
        (
            "# x\n@dimensions two\n",
            "line 2: expected @dimensions and a whole number of 1 or more, got 'two'.",
        ),
        ("@equalLength\n", "line 1: expected @equalLength true or false, got 'nothing'."),
        ("@timeStamps true\n", "line 1: expected series without time stamps (@timeStamps false), got true."),
        ("@targetLabel maybe\n", "line 1: expected @targetLabel true or false, got 'maybe'."),
        (
            "@classLabel false\n@data\n1,2\n",
            "expected a class for each case, but its header says @classLabel false.",
        ),
        (
            "@dimensions 1\n@data\n1,2\n",
            "expected a line @classLabel in the header, got none. Add @classLabel true with the classes "
            "where "
            "one stands at the end of each case, else @classLabel false.",
        ),
        (
            HEADER.replace("equalLength false", "equalLength true") + "1,2:3,4:up\n1,2,3:4,5,6:up\n",
            "line 8: expected 2 values in every channel, got 3 in channel 1.",
        ),
        (HEADER, "expected at least one case after @data, got none."),
        (HEADER + "1,2:3,4:left\n", "line 7: expected a class at the end (up, down), got 'left'."),
        (HEADER + "1,2:up\n", "line 7: expected 2 channels, as before, got 1."),
        (
            HEADER + "1,2:1,2:up\n1,2:1:up\n",
            "line 8: expected 2 values in every channel, got 1 in channel 2.",
        ),
        (
            HEADER + "1,x:1,2:up\n",
            "line 7: expected numbers separated by commas (could not convert string to float: 'x').",
        ),
    ],
)
def test_what_is_broken_is_named(content: str, expected: str) -> None:
    with pytest.raises(DataError) as error:
        parse_ts([content.encode()], "two.ts")
    assert str(error.value) == f"two.ts: {expected}"


def test_without_labels_for_prediction() -> None:
    content = b"@dimensions 1\n@classLabel false\n@data\n1,2,3\n"
    assert parse_ts([content], "one.ts", labelled=False).labels is None


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """All data are large, and read a line or two at a time."""
    monkeypatch.setattr(spilled, "LARGE", 0)
    monkeypatch.setattr(table_files, "PIECE", 40)


@pytest.mark.parametrize("ending", [".ts", ".ts.gz"])
def test_many_cases_are_read_as_few(ending: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path, content = tmp_path / f"two{ending}", HEADER + CASES + "1,2:3,4:up\r\n" * 7
    path.write_bytes(gzip.compress(content.encode()) if ending == ".ts.gz" else content.encode())
    few = read_ts(path)
    request.getfixturevalue("large")
    many = read_ts(path)
    assert isinstance(few.inputs, Sequences)
    assert isinstance(many.inputs, Sequences)
    assert few.labels is not None
    assert many.labels is not None
    assert many.labels.tolist() == few.labels.tolist() == ["up", "down", *["up"] * 7]
    assert many.first_row == few.first_row == 7
    assert many.inputs.lengths.tolist() == few.inputs.lengths.tolist() == [3, 2, *[2] * 7]
    np.testing.assert_array_equal(many.inputs.values, few.inputs.values)
    assert not many.inputs.values[-1].any()


def test_many_cases_are_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, case = tmp_path / "two.ts.gz", ",".join(map(str, range(500)))
    path.write_bytes(gzip.compress((HEADER + f"{case}:{case}:up\n" * 2_000).encode()))  # 8 MB of numbers
    monkeypatch.setattr(table_files, "PIECE", 1 << 16)
    peaks = []
    for large in (1 << 40, 1 << 20):
        monkeypatch.setattr(spilled, "LARGE", large)
        tracemalloc.start()
        assert len(read_ts(path)) == 2_000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 4 << 20 < 8_000_000 < peaks[0]


@pytest.mark.usefixtures("large")
def test_what_is_broken_in_many_cases_is_named(tmp_path: Path) -> None:
    path, content = tmp_path / "two.ts", (HEADER + CASES + "1,2:3,4:up\n" * 7).encode()
    path.write_bytes(content + "5,é:6,7:up\n".encode("latin1"))
    with pytest.raises(DataError) as error:
        read_ts(path)
    assert str(error.value) == (
        f"{path}: expected UTF-8 text, got the byte 0xe9 in line 17 (byte {len(content) + 2} of the file). "
        "Convert it first, e.g. iconv -f latin1 -t utf-8."
    )
    path.write_bytes(content + b"1,2,3:4,5:up\n")
    with pytest.raises(DataError, match=r"line 17: expected 3 values in every channel, got 2 in channel 2"):
        read_ts(path)
    packed = path.with_suffix(".ts.gz")
    packed.write_bytes(gzip.compress(content)[:-10])
    with pytest.raises(DataError, match=r"two.ts.gz: expected a gzip file, got a truncated or damaged one"):
        read_ts(packed)


@pytest.mark.data
def test_japanese_vowels(data_folder: Path) -> None:
    examples = read_ts(data_folder / "uea_ucr" / "JapaneseVowels_TRAIN.ts.gz")
    assert isinstance(examples.inputs, Sequences)
    assert examples.labels is not None
    assert np.bincount(examples.labels).tolist() == [0, *[30] * 9]
    assert (examples.inputs.features, int(examples.inputs.lengths.min()), examples.inputs.longest) == (
        12,
        7,
        26,
    )
    assert examples.inputs.values[0, 0].item() == pytest.approx(1.860936)
