"""`cell_options`: any option of a cell, in Python, on the command line and in TOML, kept with the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

import elman
from elman import cells
from elman.cli.commands import main
from elman.errors import ArgumentError
from elman.tasks import TASKS, task_named
from elman.tasks.network import cell_of
from elman.train.options import TrainOptions, check, from_mapping, to_mapping
from elman.train.pairs import read_pairs, write_pairs
from elman.train.toml import read_toml

FORM = (
    "cell_options: expected NAME=VALUE,… such as 'layer_norm=true,forget_bias=1', or a mapping of names to "
    "plain values, got {}."
)
DIGITS = load_digits(n_class=3)
IMAGES, TARGET = DIGITS.images[:90] / 16, DIGITS.target[:90]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, options) for name in cells.names() for options in cells.variants(name) if options],
)
def test_every_option_there_and_back(name: str, options: dict[str, Any]) -> None:
    given = {option: value for option, value in options.items() if option != "projection"}
    text = write_pairs("cell_options", given)
    assert read_pairs("cell_options", text) == given
    made = cell_of(TrainOptions(cell=name, cell_options=text))
    assert repr(made) == repr(cells.create(name, **given))


def test_what_a_text_may_say() -> None:
    text = " layer-norm=True, forget_bias=-1.5,activation=relu,heads=4,start=None,"
    read = {"layer_norm": True, "forget_bias": -1.5, "activation": "relu", "heads": 4, "start": None}
    assert read_pairs("cell_options", text) == read
    assert write_pairs("cell_options", text) == (
        "layer_norm=true,forget_bias=-1.5,activation=relu,heads=4,start=none"
    )


def test_toml_takes_a_table_and_a_text(tmp_path: Path) -> None:
    path = tmp_path / "options.toml"
    for content in ('cell_options = "heads=2"', "[cell_options]\nheads = 2"):
        path.write_text(f'cell = "slstm"\n{content}\n')
        options = from_mapping(TrainOptions, read_toml(path), origin="options.toml")
        check(options)
        assert repr(cell_of(options)) == repr(cells.SLSTM(heads=2))
        assert to_mapping(options)["cell_options"] == "heads=2"
    path.write_text("[cell_options]\nheads = [2]\n")
    with pytest.raises(ArgumentError, match=r"^cell_options in options\.toml: expected NAME=VALUE"):
        from_mapping(TrainOptions, read_toml(path), origin="options.toml")


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_them(task: str) -> None:
    options = task_named(task).options(cell="gru", cell_options="reset_after=false")
    assert repr(cell_of(options)) == repr(cells.GRU(reset_after=False))


def test_an_estimator_trains_with_them_and_keeps_them(tmp_path: Path) -> None:
    model = elman.Classifier(
        cell="lstm", cell_options={"peepholes": True, "forget_bias": 1}, hidden_size=6, epochs=1
    ).fit(IMAGES, TARGET)
    made = repr(cells.LSTM(peepholes=True, forget_bias=1))
    assert repr(model.model_.parts["cell"]) == made
    assert clone(model).cell_options == model.cell_options
    model.save(tmp_path / "run")
    loaded = elman.load(tmp_path / "run")
    assert repr(loaded.model_.parts["cell"]) == made
    assert (loaded.cell, loaded.cell_options) == ("lstm", "peepholes=true,forget_bias=1")
    assert (loaded.predict(IMAGES) == model.predict(IMAGES)).all()
    assert repr(loaded.fit(IMAGES, TARGET).model_.parts["cell"]) == made


def test_the_command_line_shows_and_records_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = (
        "train classify --data digits --cell gru --cell-options layer-norm=true --hidden 6 --epochs 1 "
        "--out run --no-baselines"
    )
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == 0
    assert "cell: GRU(reset_after=True, layer_norm=True)\n" in capsys.readouterr().out
    assert read_toml(tmp_path / "run" / "config.toml")["cell_options"] == "layer_norm=true"
    assert 'cell_options = "layer_norm=true"' in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert elman.load(tmp_path / "run").model_.module.body.recurrent.cell.layer_norm is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"cell_options": "peephole=true"},
            "cell_options of lstm: unknown name 'peephole'. Did you mean 'peepholes'? "
            "Valid: activation, coupled, forget_bias, gate_activation, layer_norm, peepholes.",
        ),
        (
            {"cell": "mgu", "cell_options": "window=2"},
            "cell_options of mgu: unknown name 'window'. Valid: none.",
        ),
        ({"cell_options": "peepholes"}, FORM.format("'peepholes'")),
        ({"cell_options": "=true"}, FORM.format("'=true'")),
        ({"cell_options": 3}, FORM.format("3")),
        ({"cell_options": {"peepholes": [True]}}, FORM.format("{'peepholes': [True]}")),
        (
            {"cell_options": "peepholes=true,peepholes=false"},
            "cell_options: expected peepholes once, got 'peepholes=true,peepholes=false'.",
        ),
        ({"cell_options": "peepholes=1"}, "peepholes: expected True or False, got 1."),
        (
            {"cell_options": "activation=relu", "activation": "tanh"},
            "activation: expected it once, got 'tanh' and 'relu' in cell_options. Leave one of them out.",
        ),
        (
            {"cell": cells.GRU(), "cell_options": "layer_norm=true"},
            "cell_options: expected None beside a Cell, which has its options, got {'layer_norm': True}. "
            "Build the Cell with them.",
        ),
    ],
)
def test_what_they_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as error:
        elman.Classifier(**options, hidden_size=6, epochs=1).fit(IMAGES, TARGET)
    assert str(error.value) == message
