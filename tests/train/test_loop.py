"""The loop: it learns, keeps the best, stops where it should; a stopped training ends with the same bits."""

from __future__ import annotations

import itertools
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from elman.errors import ArgumentError, RunError
from elman.train import checkpoint
from elman.train.averaging import check_average, triggered
from elman.train.display import Display
from elman.train.learner import Step
from elman.train.loop import Outcome, fit
from elman.train.optimizers import OPTIMIZERS, create_optimizer
from elman.train.options import TrainOptions
from elman.train.run_folder import RunFolder
from train.toy import Toy

OPTIONS = TrainOptions(epochs=4, learning_rate=0.02, device="cpu")
STEPS = 5  # an epoch of Toy has 5 batches


def folder(path: Path, *, resume: bool = False) -> RunFolder:
    run = RunFolder(path)
    run.fingerprint = "toy"
    run.about = {"task": "toy"}
    if resume:
        run.check_resume()
    run.begin({"seed": 0}, vocabulary=None)
    return run


def stop_after(steps: int) -> Callable[[], bool]:
    """True from the given call on; the loop asks once a batch, and once more after each epoch."""
    count = itertools.count(1)
    return lambda: next(count) >= steps


def weights(toy: Toy) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in toy.module.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_it_learns_and_reports() -> None:
    toy = Toy()
    outcome = fit(toy, OPTIONS)
    first, last = outcome.history[0], outcome.history[-1]
    assert outcome.ending == "finished"
    assert last["valid_loss"] < 0.8 * first["valid_loss"]
    assert [record["step"] for record in outcome.history] == [5, 10, 15, 20]
    assert last["train_accuracy"] == 1.0
    assert 0 < last["gradient_norm"] < math.inf
    assert first["learning_rate"] > last["learning_rate"] > 0
    assert sorted(itertools.chain(*toy.seen[:STEPS])) == list(range(70))


def test_the_seed_decides_everything() -> None:
    toys = [Toy(seed=seed) for seed in (1, 1, 2)]
    for toy, disturbance in zip(toys, (1, 2, 1), strict=True):
        torch.rand(disturbance)
        fit(toy, OPTIONS.replace(seed=toy.seed))
    assert same(weights(toys[0]), weights(toys[1]))
    assert not same(weights(toys[0]), weights(toys[2]))


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    short, long = Toy(), Toy(valid=[3.0, 1.0, 2.0, math.nan])
    fit(short, OPTIONS.replace(epochs=2, schedule="constant"))
    outcome = fit(long, OPTIONS.replace(schedule="constant"), store=folder(tmp_path / "run"))
    assert outcome.best_epoch == 2
    assert [record["best"] for record in outcome.history] == [True, True, False, False]
    assert same(weights(long), weights(short))
    kept, about = checkpoint.load(tmp_path / "run" / "model.safetensors")
    assert same(kept, weights(long))
    assert about == {"task": "toy", "epoch": 2, "data": "toy"}


def test_patience() -> None:
    toy = Toy(valid=[3.0, 1.0, 2.0, 1.5, 0.5])
    outcome = fit(toy, OPTIONS.replace(epochs=5, patience=2))
    assert (outcome.ending, len(outcome.history), outcome.best_epoch) == ("stopped early", 4, 2)


@pytest.mark.parametrize(
    ("optimizer", "schedule", "asked"),
    [("adamw", "warmup-cosine", asked) for asked in (1, 3, STEPS, STEPS + 1, STEPS + 4)]
    + [(optimizer, "plateau", STEPS + 4) for optimizer in OPTIMIZERS if optimizer != "adamw"],
)
def test_a_stopped_training_ends_with_the_same_bits(
    tmp_path: Path, optimizer: str, schedule: str, asked: int
) -> None:
    """Stopped in the first epoch, at an epoch's end, within a later one; twice, in new objects."""
    options = OPTIONS.replace(optimizer=optimizer, schedule=schedule, learning_rate=0.01)
    whole = Toy()
    straight = fit(whole, options, store=folder(tmp_path / "whole"))
    first = Toy()
    ending = fit(first, options, store=folder(tmp_path / "run"), stop=stop_after(asked)).ending
    assert ending == "interrupted"
    torch.rand(11)
    assert (
        fit(Toy(), options, store=folder(tmp_path / "run", resume=True), stop=stop_after(3)).ending
        == "interrupted"
    )
    torch.manual_seed(99)
    last = Toy(seed=0)
    resumed = fit(last, options, store=folder(tmp_path / "run", resume=True))
    assert resumed.ending == "finished"
    assert same(weights(last), weights(whole))
    for name in ("last.safetensors", "model.safetensors"):
        (one, about), (two, other) = (checkpoint.load(tmp_path / run / name) for run in ("whole", "run"))
        assert same(one, two)
        assert "progress" not in about or about["progress"]["ranks"] == other["progress"]["ranks"]
    for one, two in zip(straight.history, resumed.history, strict=True):
        timed = ("seconds", "sequences_per_second", "waiting")
        assert {k: v for k, v in one.items() if k not in timed} == {
            k: v for k, v in two.items() if k not in timed
        }


class Carrying(Toy):
    """Each batch's loss is weighted by the mean of the batch before it, as a carried state would."""

    def __init__(self) -> None:
        super().__init__()
        self.before = torch.ones(())

    def carried(self) -> dict[str, torch.Tensor]:
        return {"before": self.before}

    def carry(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self.before = tensors.get("before", torch.ones(()))

    def step(self, module: torch.nn.Module, batch: Any) -> Step:
        step = super().step(module, batch)
        weighted = Step(step.loss * self.before, step.count, step.sums, step.sequences)
        self.before = 1.0 + self.x[batch].mean().abs()
        return weighted


@pytest.mark.parametrize("asked", [2, 3, STEPS, STEPS + 1])
def test_what_a_batch_leaves_to_the_next_is_kept(tmp_path: Path, asked: int) -> None:
    whole, last = Carrying(), Carrying()
    fit(whole, OPTIONS)
    stopped = fit(Carrying(), OPTIONS, store=folder(tmp_path / "run"), stop=stop_after(asked))
    assert stopped.ending == "interrupted"
    fit(last, OPTIONS, store=folder(tmp_path / "run", resume=True))
    assert same(weights(last), weights(whole))


class Reading(Toy):
    """Fetches batches slowly; in a thread of its own where `ahead`."""

    def __init__(self, seconds: float, threads: set[str]) -> None:
        super().__init__()
        self.wait, self.threads = seconds, threads

    def fetch(self, batch: Any) -> Any:
        time.sleep(self.wait)
        self.threads.add(threading.current_thread().name)
        return batch

    def step(self, module: torch.nn.Module, batch: Any) -> Step:
        time.sleep(self.wait)
        return super().step(module, batch)


class ReadingAhead(Reading):
    ahead = True


def test_batches_fetched_ahead_are_the_same_and_hardly_waited_for() -> None:
    threads: set[str] = set()
    plain, ahead = Reading(0.02, set()), ReadingAhead(0.02, threads)
    options = OPTIONS.replace(epochs=2)
    slow, quick = fit(plain, options), fit(ahead, options)
    assert ahead.seen == plain.seen
    assert same(weights(ahead), weights(plain))
    assert threads == {"fetch_0"}
    # half of the time is reading: the one waits for it, the other for the first of five batches alone
    assert slow.history[1]["waiting"] > 0.2
    assert quick.history[1]["waiting"] < 0.75 * slow.history[1]["waiting"]


def test_an_error_while_fetching_ahead_reaches_the_caller() -> None:
    class Broken(ReadingAhead):
        def fetch(self, batch: Any) -> Any:
            raise RunError("song.wav: damaged")

    with pytest.raises(RunError, match=r"song.wav"):
        fit(Broken(0.0, set()), OPTIONS)


def test_a_figure_may_stand_for_a_loss_with_penalties() -> None:
    class Penalised(Toy):
        def step(self, module: torch.nn.Module, batch: Any) -> Step:
            step = super().step(module, batch)
            return Step(step.loss + 100.0, step.count, step.sums, step.sequences, figure=step.loss)

    one, two = fit(Toy(), OPTIONS), fit(Penalised(), OPTIONS)
    assert [r["train_loss"] for r in two.history] == pytest.approx([r["train_loss"] for r in one.history])


def test_a_stop_before_the_first_epoch_is_done_leaves_a_model(tmp_path: Path) -> None:
    toy = Toy()
    outcome = fit(toy, OPTIONS, store=folder(tmp_path / "run"), stop=stop_after(2))
    assert (outcome.history, outcome.best_epoch) == ([], 0)
    assert same(checkpoint.load(tmp_path / "run" / "model.safetensors")[0], weights(toy))


def test_a_finished_training_goes_on_when_told_more_epochs(tmp_path: Path) -> None:
    options = OPTIONS.replace(schedule="constant", epochs=2)
    fit(Toy(), options, store=folder(tmp_path / "run"))
    assert len(fit(Toy(), options, store=folder(tmp_path / "run", resume=True)).history) == 2
    more, whole = Toy(), Toy()
    fit(more, options.replace(epochs=4), store=folder(tmp_path / "run", resume=True))
    fit(whole, options.replace(epochs=4))
    assert same(weights(more), weights(whole))


def test_metrics_are_json_lines(tmp_path: Path) -> None:
    outcome = fit(Toy(), OPTIONS, store=folder(tmp_path / "run"))
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == outcome.history


def test_other_data_are_not_taken_for_the_same(tmp_path: Path) -> None:
    fit(Toy(), OPTIONS, store=folder(tmp_path / "run"), stop=stop_after(2))
    run = folder(tmp_path / "run", resume=True)
    run.fingerprint = "other"
    with pytest.raises(RunError) as error:
        fit(Toy(), OPTIONS, store=run)
    assert str(error.value) == (
        f"{tmp_path}/run: expected the data with which the run began, got other data. "
        "A stopped run goes on with the same data; for new data begin a new run."
    )


@pytest.mark.parametrize("bad_step", [1, 8])
def test_a_loss_that_is_not_a_number(tmp_path: Path, bad_step: int) -> None:
    class Spoilt(Toy):
        def step(self, module: Any, batch: Any) -> Any:
            if len(self.seen) == bad_step - 1:
                self.y[batch[0]] = math.nan
            return super().step(module, batch)

    toy = Spoilt()
    with pytest.raises(RunError) as error:
        fit(toy, OPTIONS, store=folder(tmp_path / "run"))
    epoch, batch = divmod(bad_step - 1, STEPS)
    message = str(error.value)
    assert message.startswith(
        f"the loss became nan at step {bad_step} (epoch {epoch + 1}, batch {batch + 1} of 5); "
        f"gradient norm nan, one step before {'none yet' if bad_step == 1 else ''}"
    )
    kept = f" The weights after epoch 1 are kept in {tmp_path}/run." if epoch else ""
    assert message.endswith(
        ". Try a smaller learning rate (now 0.02), clip=1 (now 1), or look for extreme values in the data."
        f"{kept} To go on from there: --out {tmp_path}/run --resume --learning-rate 0.002."
    )
    last, _ = checkpoint.load(tmp_path / "run" / "last.safetensors")
    assert all(torch.isfinite(t).all() for name, t in last.items() if name.startswith("weights/"))
    assert all(torch.isfinite(t).all() for t in toy.module.state_dict().values())
    assert (tmp_path / "run" / "model.safetensors").exists() == bool(epoch)


def test_an_exploding_training_says_what_the_gradient_was() -> None:
    toy = Toy(scale=1e18)
    with pytest.raises(
        RunError, match=r"the (loss|gradient) became inf(inite)? at step \d+ \(epoch 1, batch"
    ):
        fit(toy, OPTIONS.replace(clip=0.0, optimizer="sgd", learning_rate=1e3))


def test_clipping_bounds_the_update() -> None:
    moved = []
    for clip in (0.0, 1e-3):
        toy = Toy()
        before = weights(toy)
        options = OPTIONS.replace(epochs=1, optimizer="sgd", schedule="constant", weight_decay=0.0, clip=clip)
        fit(toy, options)
        moved.append(sum(float((before[n] - w).norm()) for n, w in weights(toy).items()))
    assert moved[1] < 0.01 * moved[0]


def test_a_full_disk_ends_the_training_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    from elman.train import durable

    run = folder(tmp_path / "run")
    replace, count = os.replace, itertools.count()

    def full_after_a_while(source: Any, target: Any) -> None:
        if next(count) >= 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(durable.os, "replace", full_after_a_while)
    with pytest.raises(RunError, match="could not be written"):
        fit(Toy(), OPTIONS, store=run)
    monkeypatch.undo()
    whole, resumed = Toy(), Toy()
    fit(whole, OPTIONS)
    fit(resumed, OPTIONS, store=folder(tmp_path / "run", resume=True))
    assert same(weights(whole), weights(resumed))


def test_precision_and_device() -> None:
    for precision in ("64", "bf16"):
        toy = Toy()
        if precision == "64":
            toy.x, toy.y = toy.x.double(), toy.y.double()
        outcome: Outcome = fit(toy, OPTIONS.replace(precision=precision))
        assert outcome.history[-1]["valid_loss"] < outcome.history[0]["valid_loss"]
    for device, expected in (
        ("gpu", "device: expected auto, cpu, cuda, cuda:N or mps, got 'gpu'."),
        ("cuda:99", "device: expected a device of this machine, got 'cuda:99', with"),
    ):
        with pytest.raises(ArgumentError) as error:
            fit(Toy(), OPTIONS.replace(device=device))
        assert str(error.value).startswith(expected)


def test_the_display_hears_of_every_step_and_epoch() -> None:
    class Ears(Display):
        def __init__(self) -> None:
            self.heard: list[Any] = []

        def start(self, epochs: int, steps: int, done: int, unit: str = "") -> None:
            self.heard.append(("start", epochs, steps, done))

        def step(self, epoch: int, step: int, figures: Any, sequences: int) -> None:
            assert figures["loss"] > 0
            self.heard.append(step)

        def epoch(self, record: Any) -> None:
            self.heard.append(("epoch", record["epoch"]))

        def stop(self) -> None:
            self.heard.append("stop")

    ears = Ears()
    fit(Toy(), OPTIONS.replace(epochs=2), display=ears)
    assert ears.heard == [
        ("start", 2, 10, 0),
        1,
        2,
        3,
        4,
        5,
        ("epoch", 1),
        6,
        7,
        8,
        9,
        10,
        ("epoch", 2),
        "stop",
    ]


def test_the_mean_of_the_last_weights_is_what_is_kept() -> None:
    toy, seen = Toy(), []
    options = OPTIONS.replace(average=0.5, schedule="constant")

    def note() -> bool:
        seen.append(weights(toy))
        return False

    outcome = fit(toy, options, stop=note)
    # the loop asks after every step, and after every epoch once more
    steps = [w for number, w in enumerate(seen) if number % (STEPS + 1) != STEPS]
    assert len(steps) == 4 * STEPS
    assert outcome.best_epoch == 4
    for name, kept in weights(toy).items():
        expected = torch.stack([w[name] for w in steps[2 * STEPS :]]).mean(0)
        torch.testing.assert_close(kept, expected)
    assert not same(weights(toy), steps[-1])


def test_a_stopped_mean_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    options, whole = OPTIONS.replace(average=0.6), Toy()
    fit(whole, options)
    for number, steps in enumerate((7, 13)):
        assert fit(Toy(), options, store=folder(tmp_path / str(number)), stop=stop_after(steps)).ending
        again = Toy()
        fit(again, options, store=folder(tmp_path / str(number), resume=True))
        assert same(weights(again), weights(whole))


def test_validation_says_when_the_mean_begins() -> None:
    """Algorithm 1 of Merity et al. 2017: worse than the best that lies n epochs back, here at epoch 4."""
    toy, seen, notes = Toy(valid=[3.0, 2.0, 2.5, 2.25, 2.0, 1.5]), [], []

    def note() -> bool:
        seen.append(weights(toy))
        return False

    class Noting(Display):
        def note(self, text: str) -> None:
            notes.append(text)

    options = OPTIONS.replace(average_after=2, schedule="constant", epochs=6, optimizer="sgd")
    outcome = fit(toy, options, stop=note, display=Noting())
    steps = [w for number, w in enumerate(seen) if number % (STEPS + 1) != STEPS]
    assert notes == ["weights are averaged from the end of epoch 4 on"]
    assert outcome.best_epoch == 6
    for name, kept in weights(toy).items():
        expected = torch.stack([w[name] for w in steps[4 * STEPS - 1 :]]).mean(0)  # w_T among them
        torch.testing.assert_close(kept, expected)
    assert not same(weights(toy), steps[-1])


@pytest.mark.parametrize(
    ("losses", "after", "expected"),
    [
        ([3.0, 2.0, 2.5], 1, True),
        ([3.0, 2.0, 2.5], 2, False),
        ([3.0, 2.0, 2.5], 3, False),
        ([2.0, 3.0, 2.5, 2.0], 2, False),  # as good is not worse
        ([2.0, 3.0, 2.5, 2.1], 2, True),
        ([1.0, 2.0, 3.0], 3, False),
        ([1.0, 2.0, 3.0, 2.0], 3, True),
    ],
)
def test_the_trigger(losses: list[float], after: int, expected: bool) -> None:
    assert triggered([(-loss,) for loss in losses], after) is expected


@pytest.mark.parametrize("steps", [7, 13, 16, 19, 24])
def test_a_mean_that_validation_began_goes_on_to_the_same_bits(tmp_path: Path, steps: int) -> None:
    """Stopped before the trigger, at it (after epoch 3, the 18th call) and behind it."""
    dictated = [1.0, 2.0, 3.0, 2.0, 0.5]
    options, whole = OPTIONS.replace(average_after=2, epochs=5), Toy(valid=dictated)
    straight = fit(whole, options)
    half = fit(Toy(valid=dictated), options, store=folder(tmp_path), stop=stop_after(steps))
    assert half.ending == "interrupted"
    again = Toy(valid=dictated)
    again.validated = len(half.history)
    outcome = fit(again, options, store=folder(tmp_path, resume=True))
    assert outcome.best_epoch == straight.best_epoch == 5
    assert same(weights(again), weights(whole))


@pytest.mark.parametrize(
    ("options", "validated", "message"),
    [
        (
            {"average": 0.5},
            True,
            "average_after: expected None beside average, got 2. "
            "Give average for a fixed share, or average_after to let validation say when.",
        ),
        (
            {},
            False,
            "average_after: expected None without validation data, which say when to begin, got 2. "
            "Give some (valid, or validation_share above 0), or a fixed share by average.",
        ),
    ],
)
def test_a_mean_that_could_not_begin(options: dict[str, Any], validated: bool, message: str) -> None:
    with pytest.raises(ArgumentError) as error:
        check_average(OPTIONS.replace(average_after=2, **options), validated=validated)
    assert str(error.value) == message
    check_average(OPTIONS.replace(average=0.5), validated=False)


def test_so_many_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(now)))
    rates: list[float] = []

    class Timed(Toy):
        def step(self, module: Any, batch: Any) -> Step:
            rates.append(self.optimizer.param_groups[0]["lr"])
            return super().step(module, batch)

    monkeypatch.setattr("elman.train.loop.create_optimizer", noted(Timed))
    options = OPTIONS.replace(epochs=1000, max_seconds=60.0, schedule="cosine", warmup=0.0)
    outcome = fit(Timed(), options)
    assert outcome.ending == "finished"
    assert 60.0 <= outcome.seconds < 75.0
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 0.9 * 0.02 > 0.1 * 0.02 > rates[-1]
    rates.clear()
    half = fit(Timed(), options, store=folder(tmp_path), stop=stop_after(len(rates) + 8))
    assert half.ending == "interrupted"
    whole = fit(Timed(), options, store=folder(tmp_path, resume=True))
    assert 60.0 <= whole.seconds < 75.0


def noted(kind: Any) -> Any:
    """`create_optimizer` that leaves the optimizer where steps can look at it."""

    def create(*arguments: Any, **keywords: Any) -> Any:
        kind.optimizer = create_optimizer(*arguments, **keywords)
        return kind.optimizer

    return create
