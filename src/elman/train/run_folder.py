"""The run folder: what is in it, when it may be written, and how a stopped run is found again.

| file | what |
| --- | --- |
| config.toml | the options, as chosen; `--config` reads it again |
| model.safetensors | the weights of the best epoch and what their use needs (checkpoint.py has the format) |
| vocabulary.json | the tokens, where there are any (JSON of the tokenizers library) |
| last.safetensors | the state after the last step: weights, the optimizer's memory, random states, position |
| metrics.jsonl | a JSON object for each epoch |
| flow.jsonl | with `--flow`: a JSON object for each measurement of the gradient over time |
| inspect.json | what `elman inspect` found |
| result.json | task, settings, seconds, and the figures of each split and of the baselines |
| learning_curve.png, README.md | a picture and a short model card |
| other .png files | the task's own pictures of its result |
| report.html | the page that `elman report` wrote, where it was not told another place |
| tensorboard/ | with `--log tensorboard`: event files |
| predictions.csv | what `elman predict` wrote, where it was not told another place |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from elman.errors import RunError
from elman.train import checkpoint
from elman.train.durable import sha256, write_json, write_text
from elman.train.toml import read_toml, to_toml

CONFIG, MODEL, LAST, VOCABULARY = "config.toml", "model.safetensors", "last.safetensors", "vocabulary.json"
METRICS, RESULT, PICTURE, CARD = "metrics.jsonl", "result.json", "learning_curve.png", "README.md"
PREDICTIONS, FLOW, INSPECTION = "predictions.csv", "flow.jsonl", "inspect.json"
REPORT, EVENTS = "report.html", "tensorboard"
FILES = (CONFIG, MODEL, LAST, VOCABULARY, METRICS, RESULT, CARD, PREDICTIONS, FLOW, INSPECTION, REPORT)


class RunFolder:
    """A folder with one run. Every file is written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)
        self.about: dict[str, Any] = {}  # goes into model.safetensors, beside the weights
        self.fingerprint = ""  # of the training data, so that a run goes on with the data it began with
        self._resuming = False

    @classmethod
    def free(cls, base: Path) -> RunFolder:
        """The first of `base`, `base`-2, `base`-3 … that is not there yet."""
        path, number = base, 1
        while path.exists():
            number += 1
            path = base.with_name(f"{base.name}-{number}")
        return cls(path)

    def check_new(self, *, overwrite: bool) -> None:
        """Raise `RunError` if a new run may not be written here."""
        if self.path.is_file():
            raise RunError(f"out: expected a folder, got the file '{self.path}'.")
        if not self.path.exists() or not any(self.path.iterdir()):
            return
        if not overwrite:
            raise RunError(
                f"out: expected a new folder, got '{self.path}', which exists. "
                "Add --overwrite to replace it, --resume to go on with it, or name another."
            )
        if not (self.path / CONFIG).is_file():
            raise RunError(
                f"out: expected a run folder to overwrite, got '{self.path}', which holds other files."
            )

    def check_resume(self) -> dict[str, Any]:
        """The options with which the stopped run here began; raises `RunError` if there is none."""
        if not (self.path / CONFIG).is_file() or not (self.path / LAST).is_file():
            raise RunError(
                f"resume: expected a folder with a stopped run, got '{self.path}'. Name it by --out."
            )
        self._resuming = True
        return read_toml(self.path / CONFIG)

    def begin(self, options: Mapping[str, Any], *, vocabulary: str | None) -> None:
        """Make the folder, clear a former run's files, write options and vocabulary."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self._resuming:
                former = [*self.path.glob("*.png"), *self.path.glob(f"{EVENTS}/events.*")]
                for path in (*(self.path / name for name in FILES), *former):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(f"out: '{self.path}' could not be made ready ({error.strerror}).") from error
        write_text(self.path / CONFIG, to_toml(options))
        if vocabulary is not None:
            write_text(self.path / VOCABULARY, vocabulary)

    # what the loop asks of a store

    def save_last(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        checkpoint.save(self.path / LAST, tensors, {**about, "data": self.fingerprint})

    def save_best(self, weights: Mapping[str, Tensor], epoch: int) -> None:
        checkpoint.save(self.path / MODEL, weights, {**self.about, "epoch": epoch, "data": self.fingerprint})

    def save_history(self, history: Sequence[Mapping[str, Any]]) -> None:
        write_text(self.path / METRICS, "".join(json.dumps(record) + "\n" for record in history))

    def load_history(self) -> list[dict[str, Any]]:
        """The records of the epochs; none where the model was saved from Python."""
        return _lines(self.path / METRICS)

    def save_flow(self, records: Sequence[Mapping[str, Any]]) -> None:
        write_text(self.path / FLOW, "".join(json.dumps(record) + "\n" for record in records))

    def load_flow(self) -> list[dict[str, Any]]:
        return _lines(self.path / FLOW)

    def load_last(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        if not self._resuming:
            return None
        tensors, about = checkpoint.load(self.path / LAST)
        if about["data"] != self.fingerprint:
            raise RunError(
                f"{self.path}: expected the data with which the run began, got other data. "
                "A stopped run goes on with the same data; for new data begin a new run."
            )
        return tensors, about

    def load_best(self) -> dict[str, Tensor]:
        return checkpoint.load(self.path / MODEL)[0]

    # the model and the reports

    def load_model(self) -> tuple[dict[str, Tensor], dict[str, Any], str | None]:
        """(weights, what goes with them, vocabulary or None); raises `RunError` for anything damaged."""
        if not self.path.is_dir():
            raise RunError(f"run: expected a run folder, got '{self.path}', which does not exist.")
        weights, about = checkpoint.load(self.path / MODEL)
        if not about.get("vocabulary"):
            return weights, about, None
        path = self.path / VOCABULARY
        if not path.is_file():
            raise RunError(f"{path}: expected the vocabulary of the model, but there is none.")
        content = path.read_bytes()
        if sha256(content) != about["vocabulary"]:
            raise RunError(
                f"{path}: expected the vocabulary that was saved, got another (its sha256 does not match)."
            )
        return weights, about, content.decode()

    def save_result(self, result: Mapping[str, Any]) -> None:
        """Write result.json."""
        write_json(self.path / RESULT, result)


def _lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
