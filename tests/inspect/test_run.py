"""`elman inspect`: what it finds in a run, what it writes, and what it says where something is missing."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn.datasets import load_digits

from elman import Classifier, LanguageModel, cli
from elman.errors import ArgumentError, DataError, MissingError, RunError
from elman.inspect import attribution, inspect_run
from elman.inspect.command import inspect
from elman.inspect.examine import look
from elman.inspect.influence import reached
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.jobs import train
from elman.tasks.saved import open_model


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of digits by rows."""
    folder = tmp_path_factory.mktemp("inspect") / "run"
    options = ClassifyOptions(data="digits", out=str(folder), cell="gru", hidden_size=16, epochs=2)
    train("classify", options, Console(quiet=True))
    return folder


def test_every_section_is_there(run: Path) -> None:
    console = Console(file=io.StringIO(), width=120)
    found = inspect(str(run), console)
    plain = json.loads((run / "inspect.json").read_text())
    assert plain == json.loads(json.dumps(found.plain(), allow_nan=False))
    assert (found.task, found.data) == ("classify", "digits, its training part")
    assert found.steps == 8 * found.sequences > 0
    layers = [entry["title"] for entry in plain["flows"]]
    assert layers[0] == "layer 1"
    for section in ("influences", "spectra", "units"):
        assert [entry["title"] for entry in plain[section]] == layers
    assert [gate.name for gate in found.units[0].gates] == ["r", "z"]
    assert found.notes == ()
    said = console.file.getvalue()  # type: ignore[attr-defined]
    for words in (
        "memory, in steps",
        "gradient of the loss",
        "gates of layer 1",
        "states of layer 1",
        "most active",
    ):
        assert words in said
    for words in ("states nearest", "integrated gradients", "doctor: ", "inspect.json"):
        assert words in said


def test_the_places_are_those_of_the_data(run: Path) -> None:
    found = inspect_run(run, explain=0)
    task, model = open_model(run)
    options = ClassifyOptions(**model.about["options"])
    splits, _ = task.read(options)
    learner = task.learner(model, splits, options)
    x = torch.cat([learner.fetch(batch)[0] for batch in learner.batches(1)[:8]], 1)
    assert found.sequences == x.shape[1] == 256
    places = [place for unit in found.active for place in unit.places]
    assert max(place.sequence for place in places) >= 32  # beyond the first batch
    for place in places:
        assert place.here == pytest.approx(x[place.step, place.sequence].tolist())
        assert len(place.before) == place.step
    assert found.nearest[0].place.step == places[0].step
    assert list(found.attributions) == []


def test_batches_together_are_what_they_are_one_by_one(run: Path) -> None:
    task, model = open_model(run)
    options = ClassifyOptions(**model.about["options"])
    learner = task.learner(model, task.read(options)[0], options)
    together = inspect_run(run, batch=1, batches=3, explain=0)
    ones = [look(learner, number) for number in (1, 2, 3)]
    assert together.sequences == sum(len(one.walks[0].lengths) for one in ones)
    for layer, flow in enumerate(together.flows):
        norms = torch.cat([one.flows[layer].norms["all"] for one in ones], 1)
        order = sorted(range(8), key=ones[0].flows[layer].steps.__getitem__)
        assert flow.by_step().median == pytest.approx(norms[order].quantile(0.5, 1).tolist())
    measured = [reached(one.walks[0]).norms[2] for one in ones]
    assert together.influences[0].profile.places[5] == 5  # the third of eight steps
    assert together.influences[0].profile.median[5] == pytest.approx(float(torch.cat(measured).quantile(0.5)))
    gate = torch.cat([one.inside[0].gates["r"] for one in ones])
    assert together.units[0].gates[0].mean == pytest.approx(float(gate.mean()))


def test_attribution_is_complete_and_occlusion_is_what_it_says(run: Path) -> None:
    found = inspect_run(run, explain=3)
    assert len(found.attributions) == 3
    _, model = open_model(run)
    body = model.module.get_submodule("body")
    for entry in found.attributions:
        assert entry.gap < 0.02 * max(1.0, abs(entry.score - entry.baseline))
        assert sum(entry.integrated) == pytest.approx(entry.score - entry.baseline, abs=entry.gap + 1e-6)
        x = torch.tensor(entry.inputs)[:, None]
        read = body.get_submodule("input")(x)
        read[3] = 0.0
        answer = model.parts["classes"].tolist().index(int(entry.answer))
        back = (
            read / body.get_submodule("input").scale + body.get_submodule("input").shift
            if hasattr(body.get_submodule("input"), "scale")
            else read
        )
        with torch.no_grad():
            hidden = model.module(back)[0, answer].item()
        assert entry.occluded[3] == pytest.approx(entry.score - hidden, abs=1e-4)


def test_an_attribution_that_stays_open_says_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "POINTS", (2,))
    monkeypatch.setattr(attribution, "OPEN", 1e-9)
    found = inspect_run(run, explain=1)
    share = found.attributions[0].gap / abs(found.attributions[0].score - found.attributions[0].baseline)
    said = (
        f"sequence 0: integrated gradients leave {share:.0%} of the score open, even by 2 points of the path"
    )
    assert found.notes == (f"{said}: trust occlusion more.",)


def test_weights_and_options_stay_as_they_are(run: Path) -> None:
    before = (run / "model.safetensors").read_bytes()
    inspect_run(run)
    assert (run / "model.safetensors").read_bytes() == before


def test_data_of_another_shape(run: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text,label\n" + "a good film,1\na bad one,0\n" * 10)
    with pytest.raises(DataError, match="expected sequences of numbers, as in training, got texts"):
        inspect_run(run, data=str(tmp_path / "texts.csv"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"batch": 99}, r"batch: expected a number from 0 to \d+, got 99"),
        ({"share": 0.0}, "share: expected a number above 0 and below 1, got 0.0"),
        ({"explain": -1}, "explain: expected a whole number of 0 or more, got -1"),
        ({"batches": 0}, "batches: expected a whole number of 1 or more, or None, got 0"),
        ({"step": 8}, "step: expected a step from 0 to 7, got 8"),
    ],
)
def test_arguments_that_do_not_fit(run: Path, asked: dict, said: str) -> None:
    with pytest.raises((ArgumentError, DataError), match=said):
        inspect_run(run, **asked)


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="run: expected a run folder, got"):
        inspect_run(tmp_path / "nothing")


def test_a_model_trained_on_arrays_has_no_data(tmp_path: Path) -> None:
    digits = load_digits()
    model = Classifier(cell="rnn", hidden_size=8, epochs=1).fit(digits.images[:100], digits.target[:100])
    model.save(tmp_path / "run")
    found = inspect_run(tmp_path / "run")
    assert list(found.flows) == []
    assert "without data only what the training recorded can be shown" in found.notes[0]
    console = Console(file=io.StringIO(), width=200)
    inspect(str(tmp_path / "run"), console)
    assert "Name data by --data." in console.file.getvalue()  # type: ignore[attr-defined]
    found = inspect_run(tmp_path / "run", data="digits")
    assert found.units[0].note == "the cell RNN has no gates"
    assert found.data == "digits, its test part"


def test_without_captum(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "find_spec", lambda name: None)
    said = "attribution needs the package captum, which is not installed"
    found = inspect_run(run)
    assert said in found.notes[0]
    with pytest.raises(MissingError, match=r"captum, .* pip install 'elman\[inspect\]'"):
        inspect_run(run, explain=1)


def test_on_the_command_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        cli.main(["inspect", str(run), "--data", "digits", "--explain", "1"])
    assert not ending.value.code
    assert "classify on digits" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ending:
        cli.main(["inspect", str(run), "--dta", "digits"])
    assert ending.value.code == 2
    assert "--data" in capsys.readouterr().err


def test_training_ends_with_the_worst_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = load_digits()
    pixels = tmp_path / "pixels.npz"
    np.savez(pixels, X=digits.data[:300, :, None], y=digits.target[:300])
    common = ["train", "classify", "--hidden", "8", "--epochs", "2", "--no-baselines", "--cell", "rnn"]
    ill = ["--data", str(pixels), "--pooling", "last", "--no-bidirectional"]
    with pytest.raises(SystemExit):
        cli.main([*common, *ill, "--out", str(tmp_path / "ill")])
    assert "doctor: vanishing gradient: In layer 1 the gradient of the loss" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        cli.main([*common, "--data", "digits", "--out", str(tmp_path / "well")])
    assert "doctor: " not in capsys.readouterr().out


def test_a_text_is_shown_around_its_places(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(Path(__file__).read_text())
    run = tmp_path / "run"
    with pytest.raises(SystemExit):
        cli.main(
            ["train", "generate", "--data", str(text), "--hidden", "16", "--epochs", "1", "--out", str(run)]
        )
    found = inspect_run(run, explain=1)
    place = found.active[0].places[0]
    assert isinstance(place.here, str)
    around = "".join([*place.before, place.here, *place.after])
    assert around in text.read_text()
    assert found.attributions[0].gap < 0.05


def test_a_language_model_in_python(tmp_path: Path) -> None:
    LanguageModel(hidden_size=8, epochs=1).fit(Path(__file__).read_text()).save(tmp_path / "run")
    assert inspect_run(tmp_path / "run").notes


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "data", "options", "layers"),
    [
        ("tag", "jsb", {}, ["layer 1"]),
        ("tag", "sentences", {"character_size": 4}, ["layer 1", "layer 1 from the end"]),
        (
            "forecast",
            "ett/ETTh1.csv.gz",
            {"split": "600/200/200", "lookback": 48, "horizon": 12},
            ["layer 1"],
        ),
    ],
)
def test_other_tasks(
    name: str, data: str, options: dict, layers: list[str], tmp_path: Path, data_folder: Path
) -> None:
    from elman.tasks import task_named

    if data == "sentences":  # words are read by letters too, in layers that are not looked at
        with gzip.open(data_folder / "ud_english_ewt" / "dev.tsv.gz", "rt") as file:
            rows = [line.split("\t")[:2] for line in file.read(20_000).splitlines()[:-1]]
        data = str(tmp_path / "few.conll")
        Path(data).write_text("".join("\t".join(row) + "\n" for row in rows))
    elif "/" in data:
        data = str(data_folder / data)
    shared = {"hidden_size": 8, "epochs": 1, "baselines": False, "data": data, "out": str(tmp_path / "run")}
    train(name, task_named(name).options(**shared, **options), Console(quiet=True))
    found = inspect_run(tmp_path / "run", explain=1)
    assert [flow.title for flow in found.flows] == layers
    [entry] = found.attributions
    assert entry.gap < 0.02 * max(1.0, abs(entry.score - entry.baseline))
    assert len(entry.inputs) == len(entry.integrated) == len(entry.occluded)
    assert found.active[0].places
    json.dumps(found.plain(), allow_nan=False)
