"""What `elman evaluate` says beside the network."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import elman
from elman.data.named import digits
from elman.data.sequences import Sequences
from elman.tasks import jobs, using
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.forecasting.options import ForecastOptions
from elman.tasks.generating.options import GenerateOptions
from elman.tasks.tagging.options import TagOptions


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run on 400 digits from a file."""
    train = digits().train
    assert isinstance(train.inputs, Sequences)
    x, _ = train.inputs.batch(np.arange(400))  # type: ignore[arg-type]
    assert train.labels is not None
    np.savez(tmp_path / "digits.npz", X=x.transpose(0, 1).numpy(), y=train.labels[:400])
    options = ClassifyOptions(
        data=str(tmp_path / "digits.npz"), out=str(tmp_path / "run"), hidden_size=4, epochs=1
    )
    jobs.train("classify", options, Console(quiet=True))
    return tmp_path / "run"


def evaluated(run: Path) -> tuple[dict, str]:
    """(the baselines, what was said), on the test part of the named digits."""
    said = io.StringIO()
    using.evaluate(str(run), Console(file=said, width=300), data="digits", out=str(run / "figures.json"))
    return json.loads((run / "figures.json").read_text())["baselines"], said.getvalue()


def test_baselines_are_learned_again_from_the_training_data(run: Path) -> None:
    baselines, said = evaluated(run)
    assert list(baselines) == ["majority", "summary features"]
    assert baselines["summary features"]["accuracy"] > 0.8
    assert "left out" not in said


def test_a_run_whose_training_data_are_gone_says_so(run: Path) -> None:
    (run.parent / "digits.npz").unlink()
    baselines, said = evaluated(run)
    assert list(baselines) == ["majority"]
    assert (
        "baselines that learn from the training data are left out: data: expected a file, got "
        f"'{run.parent / 'digits.npz'}', which does not exist."
    ) in said


def test_a_model_from_python_says_so(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 8, 8)), np.arange(20) % 10
    elman.Classifier(hidden_size=2, epochs=1).fit(x, y).save(tmp_path / "run")
    baselines, said = evaluated(tmp_path / "run")
    assert list(baselines) == ["majority"]
    assert "are left out: the model was trained in Python, on arrays." in said


def own(run: Path) -> str:
    """What is said of the run's own test part."""
    said = io.StringIO()
    using.evaluate(str(run), Console(file=said, width=300))
    return said.getvalue()


def test_training_data_that_have_changed_are_said(run: Path) -> None:
    assert "changed" not in own(run)
    file = run.parent / "digits.npz"
    with np.load(file) as held:
        x, y = held["X"], held["y"]
    x[3] += 1
    np.savez(file, X=x, y=y)
    assert (
        f"The training data have changed since training ({file}): what is now its test part may have been "
        "trained on, and the baselines learn from other data than the network did."
    ) in own(run)


def test_the_data_are_read_once(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, times = jobs.task_named("classify"), []
    read = type(task).read
    monkeypatch.setattr(type(task), "read", lambda *given: times.append(given[1].data) or read(*given))
    own(run)
    assert times == [f"{run.parent / 'digits.npz'}"]
    evaluated(run)  # other data: the baselines learn from those of the run
    assert times == [f"{run.parent / 'digits.npz'}"] * 2
    using.evaluate(str(run), Console(quiet=True), read="rows")  # as in training
    assert len(times) == 3
    using.evaluate(str(run), Console(quiet=True), read="columns")  # not as in training: twice
    assert len(times) == 5


def changed(task: str, options: Any, file: Path, content: str) -> tuple[str, str]:
    """What is said of a run's own test part, before and after its file became another."""
    jobs.train(task, options, Console(quiet=True))
    before = own(Path(options.out))
    file.write_text(content)
    return before, own(Path(options.out))


def test_every_task_says_so(tmp_path: Path) -> None:
    given = {"out": str(tmp_path / "run"), "overwrite": True, "hidden_size": 4, "epochs": 1}
    hours = "".join(f"{hour},{hour % 24}\n" for hour in range(400))
    words = "".join(f"word{n % 7} {'AB'[n % 2]}\n{chr(10) * (n % 5 == 0)}" for n in range(300))
    text = "".join(f"{n} bottles of beer on the wall\n" for n in range(99))
    for task, options, content, other in (
        ("forecast", ForecastOptions, "ds,y\n" + hours, "ds,y\n" + hours.replace("90,18", "90,19")),
        ("tag", TagOptions, words, words.replace("word3 A", "word3 B")),
        ("generate", GenerateOptions, text, text.replace("beer", "wine", 1)),
    ):
        file = tmp_path / f"{task}.{'csv' if task == 'forecast' else 'txt'}"
        file = file.with_suffix(".conll") if task == "tag" else file
        file.write_text(content)
        before, after = changed(task, options(data=str(file), **given), file, other)
        assert "changed since training" not in before, task
        assert f"The training data have changed since training ({file})" in after, task
