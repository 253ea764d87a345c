"""Truncated backpropagation through time: windows that carry the state, and runs that are stopped in one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman.data import Splits
from elman.data.tagged import Tagged
from elman.data.tagged_arrays import tagged_of
from elman.tasks.tag import TASK, TagOptions
from elman.tasks.tagging.network import TagLearner
from elman.train.loop import fit
from elman.train.options import TrainOptions

LENGTHS = [7, 1, 12, 0, 5, 12]


def data() -> Tagged:
    generator = np.random.default_rng(3)
    x = [generator.normal(size=(length, 3)).astype(np.float32) for length in LENGTHS]
    return tagged_of(x, [(np.cumsum(row[:, 0]) > 0).astype(int) for row in x])


def learner(**options: Any) -> tuple[TagLearner, TrainOptions]:
    given = {"hidden_size": 5, "dropout": 0.0, "bidirectional": False, "batch_size": 4, "epochs": 2}
    splits = Splits(data())
    chosen = TASK.choose(TagOptions(**{**given, **options}), splits)
    torch.manual_seed(1)
    return TASK.prepare(chosen, splits)[1], chosen


def total(learner: TagLearner) -> float:
    """The loss of an epoch without updates, summed over the steps."""
    steps = [learner.step(learner.module, learner.fetch(batch)) for batch in learner.batches(1)]
    assert sum(step.count for step in steps) == sum(LENGTHS)
    return sum(step.loss.item() * step.count for step in steps)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("bptt", [1, 4, 5, 100])
def test_windows_that_carry_the_state_lose_what_whole_sequences_lose(cell: str, bptt: int) -> None:
    whole, windows = learner(cell=cell)[0], learner(cell=cell, bptt=bptt)[0]
    assert total(windows) == pytest.approx(total(whole), rel=1e-5)
    longest = max(len(range(window.steps)) for window in windows.batches(1))
    assert longest == min(bptt, 100)


def test_no_gradient_passes_between_windows() -> None:
    windows = learner(bptt=4)[0]
    batches = windows.batches(1)
    place = next(place for place, window in enumerate(batches) if window.start == 4)
    first, second = batches[place - 1 : place + 1]
    assert first.start == 0
    windows.step(windows.module, windows.fetch(first)).loss.backward()
    windows.module.zero_grad()
    alone = windows.step(windows.module, windows.fetch(second)).loss
    gradients = torch.autograd.grad(
        alone, list(windows.module.parameters())
    )  # raises if it reached the first
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_rows_that_have_ended_leave() -> None:
    for window in learner(bptt=4, batch_size=6)[0].batches(1):
        lengths = torch.tensor(LENGTHS)[window.rows]
        assert (lengths > window.start).all()
        assert (lengths.diff() <= 0).all()


def test_padding() -> None:
    whole, windows, wide = (learner(batch_size=6, bptt=bptt)[0] for bptt in (None, 1, 6))
    assert len(whole.batches(1)) > 1  # cut, as all in one would be half padding
    assert whole.padding(whole.batches(1)) <= 0.1
    assert len(windows.batches(1)) == max(LENGTHS)  # not cut: those that have ended leave
    assert windows.padding(windows.batches(1)) == 0.0
    assert 0.0 < wide.padding(wide.batches(1)) <= 0.1


class Memory:
    """A store in memory."""

    where = "memory"

    def __init__(self) -> None:
        self.last: Any = None
        self.best: Any = None

    def save_last(self, tensors: Any, about: Any) -> None:
        self.last = ({name: tensor.clone() for name, tensor in tensors.items()}, about)

    def save_best(self, weights: Any, epoch: int) -> None:
        self.best = {name: tensor.clone() for name, tensor in weights.items()}

    def save_history(self, history: Any) -> None:
        pass

    def load_last(self) -> Any:
        return self.last

    def load_best(self) -> Any:
        return self.best


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_run_stopped_between_windows_ends_with_the_same_weights(after: int) -> None:
    whole, options = learner(bptt=3)
    fit(whole, options)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= after

    store = Memory()
    part, _ = learner(bptt=3)
    assert fit(part, options, store=store, stop=stop).ending == "interrupted"
    again, _ = learner(bptt=3)
    torch.nn.init.zeros_(again.network.output.weight)
    fit(again, options, store=store)
    for name, weight in whole.module.state_dict().items():
        assert torch.equal(again.module.state_dict()[name], weight), name
