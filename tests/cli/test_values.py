"""Values on the command line: what is wrong with one is said in the form that all errors have."""

from __future__ import annotations

import pytest

from elman.cli.arguments import parse_job, read_options
from elman.cli.commands import main
from elman.cli.runs import _Compare, _Generate
from elman.errors import ArgumentError
from elman.tasks.classify import ClassifyOptions
from elman.tasks.forecast import ForecastOptions


def train(*given: str) -> ClassifyOptions:
    return read_options(ClassifyOptions, list(given), command="train classify")


def generate(*given: str) -> _Generate:
    return parse_job(_Generate, list(given), "elman generate")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--epochs", "five"], "epochs: expected a whole number of 1 or more (epochs) or None, got 'five'."),
        (["--epochs="], "epochs: expected a whole number of 1 or more (epochs) or None, got ''."),
        (["--learning-rate", "fast"], "learning_rate: expected a number above 0 or None, got 'fast'."),
        (["--hidden", "1.5"], "hidden_size: expected a whole number of 1 or more (units), got '1.5'."),
        (["--hidden_size=1.5"], "hidden_size: expected a whole number of 1 or more (units), got '1.5'."),
        (["--data"], "data: expected a text, got nothing."),
        (
            ["--epochs", "--seed", "3"],
            "epochs: expected a whole number of 1 or more (epochs) or None, got nothing.",
        ),
        (
            ["--data", "--seed", "3"],
            "data: expected a text, got nothing. If '--seed' is the text: --data=--seed.",
        ),
        (
            ["--epochs", "3", "4"],
            "option: expected its name in front of each value (--epochs 5), got '4'. "
            "An option takes one value: a text with spaces in it needs quotes.",
        ),
        (["--bidirectional=maybe"], "bidirectional: expected True or False or None, got 'maybe'."),
        (
            ["--overwrite=True"],
            "overwrite: expected --overwrite alone, or --no-overwrite, got '--overwrite=True'.",
        ),
        (["--no-lowercase=1"], "no_lowercase: expected --no-lowercase alone, got '--no-lowercase=1'."),
    ],
)
def test_a_wrong_value_of_an_option_of_training(given: list[str], said: str) -> None:
    with pytest.raises(ArgumentError) as error:
        train(*given)
    assert str(error.value) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["run", "--length", "five"], "length: expected a whole number, got 'five'."),
        (["run", "--temperature", "hot"], "temperature: expected a number, got 'hot'."),
        (["run", "--top-k", "1.5"], "top_k: expected a whole number, got '1.5'."),
        (["run", "--seed"], "seed: expected a whole number, got nothing."),
        (
            ["run", "--prompt", "--length"],
            "prompt: expected a text, got nothing. If '--length' is the text: --prompt=--length.",
        ),
        (["--prompt", "x"], "run: expected a run folder, got nothing."),
        (["run", "-e", "5"], "option: unknown name '-e'. Did you mean '--seed'? Valid: --help, --length, "),
        (["run", "--lenght", "5"], "option: unknown name '--lenght'. Did you mean '--length'?"),
    ],
)
def test_a_wrong_value_of_an_option_of_a_job(given: list[str], said: str) -> None:
    with pytest.raises(ArgumentError) as error:
        generate(*given)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("prompt", ["--x", "-x", "--x=1", "-h", "--", "-5", "--lenght"])
def test_a_prompt_may_begin_with_dashes(prompt: str) -> None:
    assert generate("run", "--prompt", prompt, "--length", "7") == _Generate("run", prompt, length=7)
    assert generate("run", f"--prompt={prompt}").prompt == prompt


def test_values_as_they_should_be() -> None:
    options = train(
        "--hidden", "7", "--dropout", "0.25", "--epochs", "None", "--no-baselines", "--bidirectional"
    )
    assert (options.hidden_size, options.dropout, options.epochs) == (7, 0.25, None)
    assert (options.baselines, options.bidirectional) == (False, True)
    given = ["--data", "x.csv", "--target", "a b", "--validation_share=0.2"]
    forecast = read_options(ForecastOptions, given, command="train forecast")
    assert isinstance(forecast, ForecastOptions)
    assert (forecast.data, forecast.target, forecast.validation_share) == ("x.csv", "a b", 0.2)
    assert parse_job(_Compare, ["a", "b", "--out", "c"], "elman compare") == _Compare(("a", "b"), "c")


def test_help_is_shown_whatever_else_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["train", "classify", "--help", "--epochs", "five"])
    assert ending.value.code == 0
    assert "--epochs" in capsys.readouterr().out
