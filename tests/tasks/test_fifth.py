"""A further task: one file and one line in `TASKS` are all it needs, on the command line and in Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import elman
from elman import cli
from elman.tasks import TASKS, Entry

FILE = '''
"""parity: whether each digit is odd, by the equations of classify."""
from dataclasses import replace
from elman.tasks.classify import Classifier, Classify, ClassifyOptions
from elman.data import Splits


class ParityClassifier(Classifier):
    task_name = "parity"
    options_type = ClassifyOptions


class Parity(Classify):
    name = "parity"
    estimator = ParityClassifier

    def read(self, options):
        splits, options = super().read(options)
        return replace(splits, **{name: odd(part) for name, part in splits.parts().items()}), options

    def read_more(self, data, options, *, labelled):
        more = super().read_more(data, options, labelled=labelled)
        return replace(more, part=odd(more.part))


def odd(part):
    return replace(part, labels=part.labels % 2)


TASK = Parity()
'''


@pytest.fixture
def fifth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parity.py").write_text(FILE)
    monkeypatch.setattr("elman.tasks.__path__", [*sys.modules["elman.tasks"].__path__, str(tmp_path)])
    monkeypatch.setitem(TASKS, "parity", Entry("whether each digit is odd", "ParityClassifier"))
    monkeypatch.delitem(sys.modules, "elman.estimators", raising=False)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        cli.main(arguments)
    return int(ending.value.code or 0)


@pytest.mark.usefixtures("fifth")
def test_it_is_everywhere(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("train") == 0
    assert "  parity       whether each digit is odd\n" in capsys.readouterr().out
    small = ("--hidden", "8", "--epochs", "2", "--no-bidirectional")
    assert call("train", "parity", "--data", "digits", "--out", "run", *small) == 0
    assert call("evaluate", "run", "--data", "digits") == 0
    assert "ParityClassifier" in dir(elman)
    model = elman.load("run")
    assert type(model) is elman.ParityClassifier
    assert model.classes_.tolist() == [0, 1]
