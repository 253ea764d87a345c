"""generate: it learns real text above its baselines, goes on to the bit, and writes what it was asked for."""

from __future__ import annotations

import gzip
import json
import math
import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

import elman
from elman import cli
from elman.data.cutting import Passage, Tokens, in_memory
from elman.data.texts import text_given
from elman.errors import ArgumentError, DataError, RunError
from elman.tasks.generate import TASK
from elman.tasks.generating.network import AdaptiveSoftmax
from elman.tasks.generating.ngrams import NGrams
from elman.tasks.generating.options import GenerateOptions
from elman.tasks.generating.perplexity import mean_loss, token_losses
from elman.tasks.generating.writing import Writer, generate
from elman.train.checkpoint import load
from elman.train.loop import fit
from elman.train.run_folder import RunFolder

TEXT = "the cat sat on the mat, the dog sat on the log.\n" * 30
SMALL: dict[str, Any] = {"hidden_size": 24, "embedding_size": 8, "batch_size": 4, "bptt": 16, "epochs": 2}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def fitted() -> elman.LanguageModel:
    return elman.LanguageModel(**{**SMALL, "epochs": 12, "learning_rate": 0.02, "dropout": 0.0}).fit(TEXT)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def test_it_learns_and_writes(fitted: elman.LanguageModel) -> None:
    assert fitted.perplexity(TEXT) < 1.5
    assert fitted.score(TEXT) == pytest.approx(-math.log(fitted.perplexity(TEXT)))
    written = "".join(fitted.generate("the cat", length=60, temperature=0))
    assert written.startswith(" sat on the ")
    assert len(written) == 60
    assert fitted.vocabulary_[:2] == ["<pad>", "<unk>"]
    assert fitted.n_iter_ == 12


@pytest.mark.data
def test_shakespeare_above_its_baselines(data_folder: Path, tmp_path: Path) -> None:
    text = (data_folder / "tiny_shakespeare" / "input.txt").read_text()[:90_000]
    (tmp_path / "play.txt").write_text(text)
    options = {"hidden_size": 64, "embedding_size": 32, "batch_size": 8, "epochs": 2, "bptt": 40}
    model = elman.LanguageModel(**options, learning_rate=0.01, dropout=0.0).fit(tmp_path / "play.txt")
    rest = (data_folder / "tiny_shakespeare" / "input.txt").read_text()[90_000:96_000]
    codec = model.model_.parts["codec"]
    train, test = (in_memory(Passage(text_given(t)), codec).values for t in (text, rest))
    bigrams = NGrams(train, len(codec), 2).losses(test).mean()
    assert -model.score(rest) < bigrams - 0.1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "gru", "layers": 2, "weight_drop": 0.3, "input_dropout": 0.2, "embedding_dropout": 0.1},
        {"tokens": "words", "tied": True, "activation_penalty": 2.0, "change_penalty": 1.0},
        {"tokens": "bpe", "max_vocabulary": 280, "softmax": "adaptive", "optimizer": "sgd"},
    ],
)
def test_stopped_anywhere_it_goes_on_to_the_same_bits(
    text: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    given = GenerateOptions(data=str(text), **{**SMALL, **options})
    whole = trained(given, tmp_path / "whole")
    stopped: dict[str, torch.Tensor] = {}
    for again, batches in enumerate([3, 9, 10_000]):
        stopped = trained(given, tmp_path / "stopped", batches=batches, resume=again > 0)
    for name, tensor in whole.items():
        assert torch.equal(tensor, stopped[name]), name


def trained(
    options: GenerateOptions, folder: Path, *, batches: int = 10_000, resume: bool = False
) -> dict[str, torch.Tensor]:
    """The weights after at most so many batches."""
    splits, options = TASK.read(options)
    options = TASK.choose(options, splits)
    torch.manual_seed(options.seed)
    model, learner = TASK.prepare(options, splits)
    run = RunFolder(folder)
    run.about, run.fingerprint = TASK.about(model), learner.fingerprint()
    if resume:
        run.check_resume()
    run.begin({}, vocabulary=model.vocabulary)
    left = iter(range(batches - 1))
    fit(learner, options, store=run, stop=lambda: next(left, None) is None)
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def test_the_state_is_carried(fitted: elman.LanguageModel) -> None:
    """In evaluation each loss is that of a text read in one piece from its beginning."""
    tokens = in_memory(Passage(text_given(TEXT * 5)), fitted.model_.parts["codec"])
    found = token_losses(fitted.model_.module, tokens)
    values = torch.from_numpy(tokens.values.astype(np.int64))[:, None]
    with torch.no_grad():
        expected = fitted.model_.module(values[:-1], values[1:])[0][:, 0].numpy()
    assert len(found) == len(tokens) - 1
    np.testing.assert_allclose(found[:1000], expected[:1000], atol=1e-5)
    np.testing.assert_allclose(found, expected, atol=5e-2)  # the later streams have read less before
    assert found.mean() == pytest.approx(expected.mean(), abs=1e-3)
    assert mean_loss(fitted.model_.module, tokens) == pytest.approx(found.mean(dtype=np.float64), rel=1e-9)


def test_texts_to_measure_are_cut_once(
    fitted: elman.LanguageModel, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's tokens are a store; those of a text in memory stay there, and both are the same."""
    first = fitted.perplexity(text)
    assert first == fitted.perplexity(TEXT)
    measured: list[Tokens] = []

    def noted(module: Any, tokens: Tokens) -> float:
        measured.append(tokens)
        return mean_loss(module, tokens)

    monkeypatch.setattr("elman.tasks.generate.mean_loss", noted)
    monkeypatch.setattr("elman.data.store._write", None)
    assert fitted.perplexity(text) == first
    assert isinstance(measured[0].values, np.memmap)
    monkeypatch.undo()
    text.write_text(TEXT + "the end\n")
    assert fitted.perplexity(text) == fitted.perplexity(TEXT + "the end\n") != first


def test_training_carries_the_state_and_cuts_the_gradient(text: Path) -> None:
    splits, options = TASK.read(GenerateOptions(data=str(text), **SMALL, dropout=0.0))
    model, learner = TASK.prepare(TASK.choose(options, splits), splits)
    first, second = (learner.fetch(batch) for batch in learner.batches(1)[:2])
    learner.step(model.module, first)
    assert not any(tensor.requires_grad for tensor in learner.carried().values())
    carried = learner.step(model.module, second).loss.item()
    learner.carry({})
    assert learner.step(model.module, second).loss.item() != carried
    x, y = (torch.cat([a, b]) for a, b in zip(first, second, strict=True))
    whole = model.module(x, y)[0][len(first[0]) :].mean().item()
    assert carried == pytest.approx(whole, abs=1e-5)


def test_penalties_are_in_the_gradient_but_not_in_the_figure(text: Path) -> None:
    splits, options = TASK.read(GenerateOptions(data=str(text), **SMALL, dropout=0.0))
    steps = []
    for penalty in (0.0, 2.0):
        torch.manual_seed(0)
        chosen = TASK.choose(options.replace(activation_penalty=penalty, change_penalty=penalty), splits)
        model, learner = TASK.prepare(chosen, splits)
        x, y = learner.fetch(learner.batches(1)[0])
        steps.append(learner.step(model.module, (x, y)))
        read = model.module.steps(x)[0]
    plain, penalised = steps
    assert plain.figure.item() == penalised.figure.item() == plain.loss.item()
    extra = read.square().mean() + read.diff(dim=0).square().mean()
    assert penalised.loss.item() == pytest.approx(plain.loss.item() + 2.0 * extra.item(), rel=1e-5)


@pytest.mark.parametrize(
    "options", [{"tied": True}, {"softmax": "adaptive"}, {"cell": "mingru"}, {"layers": 2}]
)
def test_what_is_written_is_drawn_from_what_is_predicted(options: dict[str, Any]) -> None:
    """Writing step by step takes the most probable token of the whole text read anew."""
    model = elman.LanguageModel(**{**SMALL, **options}).fit(TEXT)
    written = "".join(model.generate("the dog", length=15, temperature=0))
    codec, module = model.model_.parts["codec"], model.model_.module
    tokens = torch.from_numpy(codec.encode("the dog" + written))[:, None]
    with torch.no_grad():
        steps = module.steps(tokens[:-1])[0][:, 0]
        score = module.output.scorer()
        scores = torch.from_numpy(np.stack([score(step) for step in steps.numpy()])).log_softmax(1)
        losses = module(tokens[:-1], tokens[1:])[0][:, 0]
    torch.testing.assert_close(-losses, scores.gather(1, tokens[1:]).squeeze(1))
    scores[:, list(codec.never_written)] = -torch.inf
    assert scores.argmax(1)[6:].tolist() == tokens[7:, 0].tolist()


@pytest.mark.parametrize(("width", "tokens"), [(4, 3), (4, 5), (40, 11), (15, 4)])
def test_the_adaptive_softmax_at_the_smallest_sizes(width: int, tokens: int) -> None:
    softmax, steps = AdaptiveSoftmax(width, tokens), torch.randn(6, 2, width)
    y = torch.arange(12).view(6, 2) % tokens
    score = softmax.scorer()
    scores = torch.from_numpy(np.stack([score(step) for step in steps.flatten(0, 1).numpy()]))
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(12))
    torch.testing.assert_close(-softmax.losses(steps, y).flatten(), scores.gather(1, y.view(-1, 1))[:, 0])


def test_drawing(fitted: elman.LanguageModel) -> None:
    def write(**options: Any) -> str:
        return "".join(fitted.generate("the ", length=80, **options))

    assert write(seed=1) == write(seed=1) != write(seed=2)
    assert write(top_k=1, seed=1) == write(temperature=0) == write(top_p=1e-6, seed=3)
    assert write(temperature=5.0, seed=1) != write(temperature=0)
    pieces = fitted.generate("the ", length=10**9, seed=1)
    assert "".join(next(pieces) for _ in range(80)) == write(seed=1)
    assert write(seed=1) == "".join(fitted.generate("the ", length=80, seed=1, top_p=1.0))
    assert "".join(fitted.generate(length=30, temperature=0))  # a prompt is not needed
    assert torch.is_inference_mode_enabled() is False


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.5, 0.3, 0.15, 0.05]),
        ({"temperature": 0.5}, [0.25, 0.09, 0.0225, 0.0025]),
        ({"top_k": 2}, [0.5, 0.3, 0, 0]),
        ({"top_p": 0.79}, [0.5, 0.3, 0, 0]),
        ({"top_p": 0.81}, [0.5, 0.3, 0.15, 0]),
        ({"top_k": 3, "top_p": 0.6}, [0.5, 0.3, 0, 0]),
    ],
)
def test_how_often_each_token_is_drawn(
    fitted: elman.LanguageModel, options: dict[str, Any], expected: list[float]
) -> None:
    writer = Writer(fitted.model_.module, fitted.model_.parts["codec"], seed=0, **options)
    chances = np.array([0.9, 0.9, 0.3, 0.05, 0.5, 0.15])  # what is never written is the most probable
    drawn = np.bincount([writer._draw(np.log(chances)) for _ in range(4000)], minlength=6)
    wanted = np.array(expected) / sum(expected)
    np.testing.assert_allclose(drawn[[4, 2, 5, 3]] / 4000, wanted, atol=0.03)
    assert not drawn[[4, 2, 5, 3]][wanted == 0].any()


def test_words_come_back_as_text() -> None:
    model = elman.LanguageModel(**SMALL, tokens="words").fit(TEXT)
    written = "".join(model.generate("the cat", length=30, seed=0))
    assert written[0] in " \n"
    assert model.generate("the cat", length=0) is not None
    assert set(written.split()) <= set(model.vocabulary_)


@pytest.mark.data
def test_a_melody_is_a_text(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The upper voice of Bach's chorales as names of notes, a line for each chorale, on the command line."""
    monkeypatch.setenv("COLUMNS", "200")
    packed = data_folder / "jsb_chorales" / "jsb-chorales-quarter.json.gz"
    chorales = json.loads(gzip.decompress(packed.read_bytes()))
    (tmp_path / "melodies").mkdir()
    for part, count in (("train", 80), ("valid", 20), ("test", 20)):
        lines = [" ".join(note(max(chord, default=0)) for chord in piece) for piece in chorales[part][:count]]
        (tmp_path / "melodies" / f"{part}.txt").write_text("\n".join(lines) + "\n")
    run = str(tmp_path / "run")
    options = ["--hidden", "32", "--embedding-size", "16", "--epochs", "12", "--learning-rate", "0.02"]
    data = str(tmp_path / "melodies")
    given = ["train", "generate", "--data", data, "--tokens", "whitespace", "--out", run, *options]
    assert call(*given) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["test"]["perplexity"] < 0.7 * result["baselines"]["unigram"]["perplexity"]
    capsys.readouterr()
    assert call("generate", run, "--prompt", "G4 A4 B4", "--length", "40", "--seed", "1") == 0
    written = capsys.readouterr().out
    assert written.startswith("G4 A4 B4")
    assert set(written.split()) <= {note(number) for number in range(128)}
    assert call("generate", run, "--prompt", "G4 H4") == 2
    expected = (
        "prompt: expected words that the model knows, got unknown ones: 'H4'. Leave them out, or train on a "
        "text that has them; --tokens bpe reads any."
    )
    assert expected in capsys.readouterr().err


def note(number: int) -> str:
    """The name of a MIDI note, 60 being C4; "rest" for 0."""
    names = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
    return f"{names[number % 12]}{number // 12 - 1}" if number else "rest"


def test_saved_and_loaded_it_says_the_same(fitted: elman.LanguageModel, tmp_path: Path) -> None:
    fitted.save(tmp_path / "run")
    again = elman.load(tmp_path / "run")
    assert again.perplexity(TEXT) == fitted.perplexity(TEXT)
    assert list(again.generate("the", seed=1)) == list(fitted.generate("the", seed=1))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            lambda m: m.generate("the ß cat Ä ß"),
            "prompt: expected characters that the model knows, got unknown ones: 'ß', 'Ä'.",
        ),
        (lambda m: m.generate(temperature=-1), "temperature: expected a number of 0 or more, got -1."),
        (lambda m: m.generate(top_k=0), "top_k: expected a whole number of 1 or more, or None, got 0."),
        (lambda m: m.generate(top_p=1.5), "top_p: expected a share above 0, at most 1, or None, got 1.5."),
        (lambda m: m.generate(seed=-3), "seed: expected a whole number of 0 or more, or None, got -3."),
        (lambda m: m.generate(length=-1), "length: expected a whole number of 0 or more (tokens), got -1."),
        (lambda m: m.perplexity("x"), "X: expected two tokens or more for train, got 1."),
        (lambda m: m.perplexity(["a", 3]), "X: expected a text, texts or a pathlib.Path, got 3 in place 1."),
    ],
)
def test_bad_calls(fitted: elman.LanguageModel, call: Any, expected: str) -> None:
    with pytest.raises((ArgumentError, DataError)) as error:
        call(fitted)
    assert str(error.value).startswith(expected)


def test_texts_that_teach_nothing(text: Path, tmp_path: Path) -> None:
    empty, flat = tmp_path / "empty.txt", tmp_path / "flat.txt"
    empty.write_text("")
    flat.write_text("a" * 500)
    for options, expected in (
        ({"data": str(flat)}, f"{flat}: expected two different tokens or more, got only 'a'. Check the text"),
        ({"data": str(empty)}, f"{empty}: expected text, got none."),
        ({"data": str(text), "valid": str(empty)}, f"{empty}: expected text, got none."),
    ):
        with pytest.raises(DataError) as error:
            TASK.read(GenerateOptions(**options))
        assert str(error.value).startswith(expected)
    with pytest.raises(DataError, match="X: expected two different tokens or more, got only 'a'"):
        elman.LanguageModel(**SMALL).fit("a" * 500)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"bidirectional": True}, "bidirectional: expected False for generate, got True. A model that has"),
        ({"tied": True, "softmax": "adaptive"}, "tied: expected False beside softmax 'adaptive', which has"),
        ({"tokens": "letters"}, "tokens: unknown name 'letters'."),
    ],
)
def test_bad_options(text: Path, options: dict[str, Any], expected: str) -> None:
    for begin in (
        lambda: elman.LanguageModel(**SMALL, **options).fit(TEXT),
        lambda: TASK.read(GenerateOptions(data=str(text), **options)),
    ):
        with pytest.raises(ArgumentError) as error:
            begin()
        assert str(error.value).startswith(expected)


def test_too_little_text() -> None:
    with pytest.raises(DataError, match="X: expected text, got none"):
        elman.LanguageModel(**SMALL).fit("")
    with pytest.raises(DataError, match=r"X: expected two tokens or more for train, got 1\. Give more text"):
        elman.LanguageModel(**SMALL).fit("a")


def test_a_part_of_the_data_can_be_too_short_for_a_picture(text: Path) -> None:
    splits, options = TASK.read(GenerateOptions(data=str(text), **SMALL))
    model, _ = TASK.prepare(TASK.choose(options, splits), splits)
    assert set(TASK.draw(model, splits, {"loss": 3.0})) == set()
    whole = cast(Tokens, splits.train)
    assert set(TASK.draw(model, type(splits)(whole), {"loss": 3.0})) == {"context.png"}
    table = TASK.predictions(model, splits.last)
    assert table.columns == ["place", "token", "probability"]
    assert len(table) == len(splits.last) - 1


def test_a_run_that_is_no_language_model(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits(n_class=2)
    model = elman.Classifier(hidden_size=2, epochs=1, batch_size=64)
    model.fit(digits.images[:64], digits.target[:64])  # type: ignore[attr-defined]
    model.save(tmp_path / "run")
    with pytest.raises(
        RunError, match=r"expected a language model \(elman train generate\), got one for class"
    ):
        generate(str(tmp_path / "run"), "a", 5)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        cli.main(arguments)
    return int(ending.value.code or 0)


def test_the_command_line(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    small = ["--hidden", "16", "--bptt", "16", "--batch-size", "4", "--max-seconds", "1", "--out", "run"]
    assert call("train", "generate", "--data", "text.txt", "--store", "text.store", *small) == 0
    said = capsys.readouterr().out
    assert "characters: 18 different ones; as tokens in text.store" in said
    assert "baseline: unigram" in said
    assert "baseline: 5-gram" in said
    assert (tmp_path / "run" / "learning_curve.png").is_file()
    assert call("evaluate", "run", "--data", "text.txt") == 0
    assert "bits_per_character" in capsys.readouterr().out
    assert call("predict", "run", "--data", "text.txt", "--out", "said.csv") == 0
    assert (tmp_path / "said.csv").read_text().startswith("place,token,probability\n1,h,")
    capsys.readouterr()
    assert call("generate", "run", "--prompt", "the ", "--length", "30", "--seed", "1", "--top-k", "5") == 0
    written = capsys.readouterr().out
    assert written.startswith("the ")
    assert len(written) == 4 + 30 + 1
    assert call("generate", "run", "--prompt", "Ωmega") == 2
    assert (
        "prompt: expected characters that the model knows, got unknown ones: 'Ω'" in capsys.readouterr().err
    )
    assert call("generate", "run", "--prompt", "-Ω") == 2
    assert "unknown ones: '-', 'Ω'" in capsys.readouterr().err
    again = ["train", "generate", "--data", "text.store", *small[:-1], "again"]
    assert call(*again) == 0
    text.write_text("changed " + TEXT)
    assert call(*again, "--overwrite") == 2
    assert "text.txt, which has changed since. Delete the folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--average", "0.9"], "best epoch 2, of averaged weights; "),
        (
            ["--average-after", "2"],
            "best epoch 2, of weights that were never averaged (validation was never worse than 2 epochs",
        ),
        ([], "best epoch 2; "),
    ],
)
def test_the_last_line_says_whether_the_weights_are_a_mean(
    options: list[str], said: str, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "generate", "--data", str(text), "--out", str(tmp_path / "run"), "--epochs", "2"]
    small = [
        "--hidden",
        "8",
        "--batch-size",
        "4",
        "--bptt",
        "16",
        "--no-baselines",
        "--learning-rate",
        "0.01",
    ]
    with pytest.raises(SystemExit):
        cli.main([*command, *small, *options])
    assert said in capsys.readouterr().out


@pytest.mark.data
@pytest.mark.slow
def test_validation_begins_the_mean_and_the_mean_is_what_is_kept(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """NT-ASGD on 60,000 characters of Shakespeare, with a rate at which the weights jump about."""
    play, run = tmp_path / "play.txt", tmp_path / "run"
    play.write_text((data_folder / "tiny_shakespeare" / "input.txt").read_text()[:60_000])
    command = [
        "train",
        "generate",
        "--data",
        str(play),
        "--out",
        str(run),
        "--epochs",
        "9",
        "--hidden",
        "128",
    ]
    steep = ["--optimizer", "sgd", "--learning-rate", "2", "--schedule", "constant", "--weight-decay", "1e-6"]
    rest = ["--clip", "0.25", "--batch-size", "8", "--bptt", "35", "--dropout", "0", "--average-after", "2"]
    with pytest.raises(SystemExit):
        cli.main([*command, *steep, *rest, "--no-baselines"])
    said = capsys.readouterr().out
    begun = int(re.findall(r"weights are averaged from the end of epoch (\d) on", said)[0])
    best = int(re.findall(r"best epoch (\d), of averaged weights", said)[0])
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [record["averaged"] for record in history] == [epoch > begun for epoch in range(1, 10)]
    result = json.loads((run / "result.json").read_text())
    assert result["valid"]["loss"] == pytest.approx(history[best - 1]["valid_loss"], rel=1e-5)
    assert result["valid"]["loss"] < min(record["valid_loss"] for record in history[:begun])
    kept = load(run / "model.safetensors")[0]
    last = load(run / "last.safetensors")[0]
    assert best == 9
    means = [tensor for name, tensor in last.items() if name.startswith("average/")]
    for tensor in kept.values():
        assert any(tensor.shape == mean.shape and torch.equal(tensor, mean) for mean in means)
