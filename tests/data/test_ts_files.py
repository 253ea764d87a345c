"""The .ts format: ragged cases, missing values, and every broken header answered with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elman.data.sequences import Sequences
from elman.data.ts_files import parse_ts, read_ts
from elman.errors import DataError

HEADER = "# a comment\n@problemName Two\n@dimensions 2\n@equalLength false\n@classLabel true up down\n@data\n"
CASES = "1,2,3:4,5,6:up\n\n0.5,?:-1,1e-3:down\n"


def test_ragged_cases() -> None:
    examples = parse_ts((HEADER + CASES).encode(), "two.ts")
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
        parse_ts(content.encode(), "two.ts")
    assert str(error.value) == f"two.ts: {expected}"


def test_without_labels_for_prediction() -> None:
    content = b"@dimensions 1\n@classLabel false\n@data\n1,2,3\n"
    assert parse_ts(content, "one.ts", labelled=False).labels is None


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
