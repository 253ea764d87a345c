"""Each finding of the doctor speaks on a model made ill on purpose, and all are silent on a healthy one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from elman.data import Sequences, Splits
from elman.data.arrays import examples_of
from elman.data.splits import hold_out
from elman.data.ts_files import read_ts
from elman.inspect.doctor import Finding, findings, label_leak
from elman.inspect.examine import examine
from elman.inspect.signs import Signs, leak_of
from elman.tasks.classify import TASK
from elman.tasks.classifying.options import ClassifyOptions
from elman.tasks.regress import TASK as REGRESS
from elman.tasks.regressing.options import RegressOptions
from elman.train.learner import Learner
from elman.train.loop import fit

pytestmark = pytest.mark.data


class Patient:
    """A classifier, its learner and what its training recorded."""

    def __init__(self, X: Any, y: Any, *, share: float = 0.2, train: bool = True, **options: Any) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        known, held = hold_out(examples_of(X, y), share, 0)
        splits = Splits(known, held)
        chosen = TASK.choose(ClassifyOptions(**{"hidden_size": 16, **options}), splits)
        _, self.learner = TASK.prepare(chosen, splits)
        self.options = vars(chosen)
        self.history = fit(self.learner, chosen).history if train else []

    def weights(self, name: str) -> torch.Tensor:
        return self.learner.module.get_parameter(f"body.recurrent.{name}_l0").data

    def findings(self) -> dict[str, Finding]:
        signs = examine(self.learner, self.options, self.history).signs
        return {finding.name: finding for finding in findings(signs)}


@pytest.fixture(scope="module")
def vowels() -> tuple[list[np.ndarray], np.ndarray]:
    """270 utterances of nine speakers, 7 to 26 steps of 12 cepstral coefficients."""
    import os

    examples = read_ts(Path(os.environ["ELMAN_DATA"]) / "uea_ucr" / "JapaneseVowels_TRAIN.ts.gz")
    assert isinstance(examples.inputs, Sequences)
    x, rows = examples.inputs, range(len(examples.inputs))
    arrays = [x.values[x.starts[row] :][: x.lengths[row]].numpy() for row in rows]
    return arrays, np.asarray(examples.labels)


@pytest.fixture(scope="module")
def pixels() -> tuple[np.ndarray, np.ndarray]:
    """Digits of 64 pixels, one after the other."""
    digits = load_digits()
    return digits.images[:200].reshape(200, 64, 1) / 16, digits.target[:200]


def test_a_healthy_model_has_nothing(vowels: tuple[list[np.ndarray], np.ndarray]) -> None:
    patient = Patient(*vowels, pooling="mean", cell="gru", epochs=15)
    assert patient.history[-1]["valid_accuracy"] > 0.85
    assert patient.findings() == {}


def test_a_gradient_that_vanishes(pixels: tuple[np.ndarray, np.ndarray]) -> None:
    found = Patient(*pixels, cell="rnn", pooling="last", epochs=1, bidirectional=False).findings()
    finding = found["vanishing gradient"]
    assert 30 < finding.figure < 62
    assert f"nothing is learned from the first {finding.figure:.0f} of 64 steps" in finding.text
    for remedy in ("--cell lstm or gru", "--cell ligru", "--pooling mean", "--max-steps", "orthogonal"):
        assert remedy in finding.remedy
    assert str(finding).startswith("vanishing gradient: In layer 1 the gradient")


def test_a_gradient_that_stays(pixels: tuple[np.ndarray, np.ndarray]) -> None:
    patient = Patient(*pixels, cell="lstm", pooling="last", train=False, bidirectional=False)
    patient.weights("bias_ih")[16:32] = 6.0  # forget gates that are open
    assert "vanishing gradient" not in patient.findings()


def test_a_gradient_that_explodes(pixels: tuple[np.ndarray, np.ndarray]) -> None:
    options = {"cell": "rnn", "activation": "relu", "train": False, "bidirectional": False, "pooling": "last"}
    patient = Patient(*pixels, **options, clip=0.0)
    patient.weights("weight_hh").copy_(1.5 * torch.eye(16))
    patient.weights("bias_ih").fill_(0.1)
    finding = patient.findings()["exploding gradient"]
    assert finding.figure == pytest.approx(1.5**56, rel=0.2)  # beside the last 8 steps
    assert "Clip it: --clip 1." in finding.remedy
    clipped = Patient(*pixels, **options)
    assert "exploding gradient" not in clipped.findings()
    clipped.weights("weight_hh").copy_(1.5 * torch.eye(16))
    assert "clipped at 1 already (--clip): try --cell lstm" in clipped.findings()["exploding gradient"].remedy


def test_units_that_are_dead(vowels: tuple[list[np.ndarray], np.ndarray]) -> None:
    patient = Patient(*vowels, cell="rnn", activation="relu", epochs=2, pooling="mean", bidirectional=False)
    assert "dead units" not in patient.findings()
    patient.weights("bias_ih")[:8] = -50.0
    finding = patient.findings()["dead units"]
    assert 0.5 <= finding.figure < 0.7
    assert "--activation tanh" in finding.remedy


def test_units_that_are_saturated(vowels: tuple[list[np.ndarray], np.ndarray]) -> None:
    patient = Patient(*vowels, cell="lstm", epochs=2, pooling="mean", bidirectional=False)
    assert "saturated units" not in patient.findings()
    patient.weights("bias_ih")[32:44] = 50.0  # the new content g of 12 of 16 units
    finding = patient.findings()["saturated units"]
    assert finding.figure == 0.75
    assert finding.text.startswith("75% of the units of g in layer 1 are at -1 or 1 at nearly every step")
    assert "--cell-options layer_norm=true" in finding.remedy


def test_over_fitting(pixels: tuple[np.ndarray, np.ndarray]) -> None:
    rows, labels = pixels[0][:80].reshape(80, 8, 8), pixels[1][:80].copy()
    labels[::3] = np.roll(labels[::3], 1)  # what can only be learned by heart
    quick = {"batch_size": 8, "learning_rate": 0.01}
    ill = Patient(rows, labels, share=0.5, dropout=0.0, hidden_size=64, epochs=30, **quick)
    finding = ill.findings()["over-fitting"]
    valid = [record["valid_loss"] for record in ill.history]
    assert finding.figure == pytest.approx(valid[-1] / min(valid))
    assert f"--epochs {valid.index(min(valid)) + 1}" in finding.remedy
    assert "--dropout 0.2" in finding.remedy
    well = Patient(rows, labels, share=0.5, epochs=4, **quick)
    assert "over-fitting" not in well.findings()


def test_too_large_a_step(vowels: tuple[list[np.ndarray], np.ndarray]) -> None:
    options = {"cell": "rnn", "epochs": 8, "pooling": "mean", "schedule": "constant", "dropout": 0.0}
    ill = [
        Patient(*vowels, learning_rate=1.0, clip=0.0, seed=seed, **options).findings() for seed in range(4)
    ]
    seen = [found["too large a step"] for found in ill if "too large a step" in found]
    assert len(seen) >= 2  # such a training is chaos: some of them look as if they went well
    assert all("--learning-rate 0.1 (now 1)" in finding.remedy for finding in seen)
    assert "too large a step" not in Patient(*vowels, learning_rate=0.003, **options).findings()


def test_input_that_is_not_scaled(vowels: tuple[list[np.ndarray], np.ndarray]) -> None:
    sequences, labels = vowels
    for factor in (1000.0, 0.001):
        options = {"standardize": False, "train": False}
        ill = Patient([factor * sequence for sequence in sequences], labels, **options)
        finding = ill.findings()["unscaled input"]
        largest = np.sqrt(np.square(np.concatenate(sequences)).mean(0)).max()
        assert finding.figure == pytest.approx(factor * largest, rel=0.3)
        assert finding.remedy == "Add --standardize."
    well = Patient([1000.0 * sequence for sequence in sequences], labels, standardize=True, train=False)
    assert "unscaled input" not in well.findings()


def test_padding_that_is_most_of_the_work(vowels: tuple[list[np.ndarray], np.ndarray]) -> None:
    sequences, labels = vowels
    cut = [sequence if row % 10 == 0 else sequence[:3] for row, sequence in enumerate(sequences)]
    finding = Patient(cut, labels, batch_size=64, batches="mixed", train=False).findings()["padding"]
    assert finding.figure > 0.5
    assert "--batches length" in finding.remedy
    assert "--max-steps" in finding.remedy
    by_length = Patient(cut, labels, batch_size=64, train=False)
    assert by_length.learner.padding(by_length.learner.batches(1)) <= 0.1
    well = Patient(sequences, labels, batch_size=64, batches="mixed", train=False)
    assert 0.1 < well.learner.padding(well.learner.batches(1)) < 0.5  # ragged, as they were recorded
    for patient in (by_length, well):
        assert "padding" not in patient.findings()


def test_a_label_that_leaks(vowels: tuple[list[np.ndarray], np.ndarray]) -> None:
    sequences, labels = vowels
    codes = np.unique(labels, return_inverse=True)[1]

    def beside(column: np.ndarray) -> list[np.ndarray]:
        return [
            np.concatenate([sequence, np.full((len(sequence), 1), value)], 1).astype(np.float32)
            for sequence, value in zip(sequences, column, strict=True)
        ]

    finding = Patient(beside(codes), labels, train=False).findings()["label leak"]
    assert finding.figure >= 0.99
    assert "feature 13" in finding.text
    shuffled = np.random.default_rng(0).permutation(codes)
    assert "label leak" not in Patient(beside(shuffled), labels, train=False).findings()


def test_a_target_that_leaks() -> None:
    """A number for each sequence, which one of its three channels holds from the first step on."""
    generator = np.random.default_rng(0)
    sequences = generator.normal(size=(400, 9, 3)).astype(np.float32)
    targets = sequences.mean((1, 2)).astype(np.float64)

    def found(X: np.ndarray, y: np.ndarray) -> Finding | None:
        splits = Splits(examples_of(X, y))
        options = REGRESS.choose(RegressOptions(hidden_size=4), splits)
        learner = REGRESS.prepare(options, splits)[1]
        return label_leak(Signs(leak=leak_of(learner)))

    assert found(sequences, targets) is None
    leaky = np.concatenate([sequences, np.repeat(3 * targets + 1, 9).reshape(-1, 9, 1).astype(np.float32)], 2)
    finding = found(leaky, targets)
    assert finding is not None
    assert finding.figure >= 0.99
    assert "% of the variance of the target of sequences" in finding.text
    assert "by feature 4." in finding.text
    assert "Look whether feature 4 is the target, or made from it" in finding.remedy
    assert found(leaky, generator.permutation(targets)) is None
    assert found(leaky[:3], targets[:3]) is None  # of so few nothing is said


def test_what_is_not_known_is_not_spoken_of() -> None:
    assert findings(Signs()) == []


def test_the_worst_comes_first(pixels: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = pixels
    ill = Patient(1e4 * images, labels, cell="rnn", pooling="last", standardize=False, train=False)
    assert ill.learner.module.training
    found = findings(examine(ill.learner, ill.options).signs)
    assert len(found) > 1
    assert [finding.severity for finding in found] == sorted((f.severity for f in found), reverse=True)
    assert isinstance(ill.learner, Learner)
    assert ill.learner.module.training
