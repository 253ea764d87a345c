"""The gradient's flow through time while a network is trained: one more pass over a batch, every so many
steps, and never for more than a small share of the time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from elman.train.gradient_flow import LayerFlow, gradient_flow
from elman.train.learner import Learner

MARKS = 32  # places of a sequence at which it is measured
MOST_SHARE = 0.05  # of the time of training that all measurements may take
STEPS_WORTH = (
    5  # steps that the first is taken to last as long as, before any was timed: 2.4 to 3.5 were seen
)


class FlowLog:
    """Measurements on the batches of a training; it leaves weights, random state and carried states alone.

    records: {"step", "epoch", "seconds", "layers"} for each, the last a list of {"module", "title", "places",
    "low", "median", "high"} with the norms ‖∂L/∂s_t‖ over the sequences, L the mean loss.
    """

    def __init__(self, learner: Learner, every: int) -> None:
        self.learner, self.every = learner, every
        self.records: list[dict[str, Any]] = []

    def go_on(self, records: Sequence[dict[str, Any]], step: int) -> None:
        """Take up the measurements from before a stop at `step`."""
        self.records = [record for record in records if record["step"] < step]

    def before(
        self, module: nn.Module, batch: Any, step: int, epoch: int, seconds: float, steps: int
    ) -> None:
        """Measure on the batch of that step (from 0), if it is its turn and, after so many seconds of
        training, one more measurement leaves the share of all at `MOST_SHARE` or less; the first, if it is
        to do so at the end of all the `steps` of the training."""
        if step % self.every:
            return
        spent = [record["seconds"] for record in self.records]
        if spent and sum(spent) + spent[-1] > MOST_SHARE * seconds:
            return
        if not spent and MOST_SHARE * steps < STEPS_WORTH:
            return
        began = time.perf_counter()
        layers = [_plain(flow) for flow in batch_flow(self.learner, module, batch, MARKS)]
        took = time.perf_counter() - began
        self.records.append({"step": step, "epoch": epoch, "seconds": took, "layers": layers})


def batch_flow(learner: Learner, module: nn.Module, batch: Any, most: int | None = None) -> list[LayerFlow]:
    """The flow of the mean loss on a fetched batch; `module` is the learner's as the loop calls it."""
    carried = learner.carried()
    device = next(learner.module.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        flows = gradient_flow(learner.module, lambda: learner.step(module, batch).loss, most)
    learner.carry(carried)
    return flows


def _plain(flow: LayerFlow) -> dict[str, Any]:
    found = flow.by_step()
    quantiles = {"places": found.places, "low": found.low, "median": found.median, "high": found.high}
    return {"module": flow.name, "title": flow.title, **quantiles}
