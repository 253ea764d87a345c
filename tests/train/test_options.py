"""Options: one dataclass for Python, command line and TOML; every wrong value is answered."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.cells import names
from elman.errors import ArgumentError, DataError
from elman.train.options import TrainOptions, check, from_mapping, rules, to_mapping
from elman.train.toml import read_toml, to_toml


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("hidden_size", 0, "hidden_size: expected a whole number of 1 or more (units), got 0. Default: 128."),
        (
            "hidden_size",
            1.5,
            "hidden_size: expected a whole number of 1 or more (units), got 1.5. Default: 128.",
        ),
        (
            "hidden_size",
            True,
            "hidden_size: expected a whole number of 1 or more (units), got True. Default: 128.",
        ),
        ("epochs", 0, "epochs: expected a whole number of 1 or more (epochs) or None, got 0."),
        ("dropout", 1.0, "dropout: expected a number from 0 to below 1 or None, got 1.0."),
        ("learning_rate", float("nan"), "learning_rate: expected a number above 0 or None, got nan."),
        ("learning_rate", 0.0, "learning_rate: expected a number above 0 or None, got 0.0."),
        ("clip", -1, "clip: expected a number of 0 or more, got -1. Default: 1.0."),
        ("bidirectional", "yes", "bidirectional: expected True or False or None, got 'yes'."),
        (
            "optimizer",
            "adamax",
            "optimizer: unknown name 'adamax'. Did you mean 'adam'? Valid: adam, adamw, rmsprop, sgd.",
        ),
        (
            "cell",
            "lsmt",
            f"cell: unknown name 'lsmt'. Did you mean 'lstm'? Valid: {', '.join(sorted(names()))}.",
        ),
        ("cell", None, "cell: expected a text, got None. Default: 'lstm'."),
        ("precision", 32, "precision: expected a text, got 32. Default: '32'."),
        ("seed", -1, "seed: expected a whole number of 0 or more, got -1. Default: 0."),
    ],
)
def test_wrong_values(option: str, value: Any, expected: str) -> None:
    with pytest.raises(ArgumentError) as error:
        check(TrainOptions(**{option: value}))
    assert str(error.value) == expected


def test_defaults_are_right() -> None:
    check(TrainOptions())


def test_numbers_of_numpy_are_numbers() -> None:
    options = TrainOptions(hidden_size=np.int64(8), dropout=np.float32(0.5), bidirectional=np.True_)  # type: ignore[arg-type]
    check(options)
    assert to_mapping(options)["hidden_size"] == 8
    assert to_toml(to_mapping(options)).splitlines()[1] == "hidden_size = 8"


def test_options_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainOptions().seed = 1  # type: ignore[misc]


def test_every_option_has_a_rule_and_a_help() -> None:
    source = Path(__import__("elman.train.options", fromlist=["x"]).__file__).read_text()
    source = source[source.index("class TrainOptions") :]
    for name, rule in rules(TrainOptions).items():
        assert rule.kind in (int, float, bool, str)
        declared = source.index(f"    {name}: ")
        own = re.split(r"\n    [a-z_]+: ", source[declared + 1 :])[0]
        assert re.search(r'\)\n    """\S', own), name


def test_toml_there_and_back(tmp_path: Path) -> None:
    options = TrainOptions(
        data='a "b"\\c\nd\x7fé😀', hidden_size=7, dropout=0.25, bidirectional=True, clip=1e-5
    )
    path = tmp_path / "options.toml"
    path.write_text(to_toml(to_mapping(options)), encoding="utf-8")
    assert from_mapping(TrainOptions, read_toml(path), origin="options.toml") == options


def test_whole_numbers_serve_as_numbers_in_toml() -> None:
    assert from_mapping(TrainOptions, {"clip": 2}, origin="x").clip == 2.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "hiden_size = 3",
            "option in {path}: unknown name 'hiden_size'. Did you mean 'hidden_size'? Valid: ",
        ),
        (
            "hidden_size = 0",
            "{path}: hidden_size: expected a whole number of 1 or more (units), got 0. Default: 128.",
        ),
        ("[classify]\nseed = 1", "option in {path}: unknown name 'classify'. "),
        ("[seed]\nx = 1", "seed in {path}: expected a whole number of 0 or more, got a table."),
        ("seed = ", "{path}: expected TOML, got a mistake (Invalid value (at end of document))."),
    ],
)
def test_wrong_toml(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "options.toml"
    path.write_text(text)
    with pytest.raises((ArgumentError, DataError)) as error:
        from_mapping(TrainOptions, read_toml(path), origin=str(path))
    assert str(error.value).startswith(expected.format(path=path))


def test_a_missing_toml() -> None:
    with pytest.raises(DataError) as error:
        read_toml(Path("none.toml"))
    assert str(error.value) == "config: expected a TOML file, got 'none.toml', which does not exist."
