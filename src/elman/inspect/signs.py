"""Signs: what the doctor looks at, taken from a network, its data and its training.

Dimensions: T steps, B sequences, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from elman.inspect.gates import Units, units_of
from elman.inspect.leak import FirstStep, first_step
from elman.nn.recording import Walk
from elman.tasks.classifying.learner import ClassifyLearner
from elman.train.gradient_flow import LayerFlow
from elman.train.learner import Learner

LOOKED_AT = 2_000  # sequences whose first step is looked at


@dataclass(frozen=True)
class Reading:
    """What the first recurrent layer reads: the least and the largest root mean square of its features."""

    least: float
    largest: float


@dataclass(frozen=True)
class Signs:
    """What is known of a run; what is not stays empty, and the doctor is silent about it.

    flows, units: of each layer. reading: of the first. history: a record for each epoch, as in
    metrics.jsonl. options: all of the task, by name. padding: share of the steps of the training, 0 to 1.
    lengths: (N,) of the sequences that were looked at. leak: what the first step alone says.
    """

    flows: Sequence[LayerFlow] = ()
    units: Sequence[Units] = ()
    reading: Reading | None = None
    history: Sequence[Mapping[str, Any]] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    padding: float = 0.0
    lengths: Sequence[int] = ()
    leak: FirstStep | None = None


def signs_of(
    walks: Sequence[Walk],
    flows: Sequence[LayerFlow],
    learner: Learner,
    options: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] = (),
    units: Sequence[Units] | None = None,
) -> Signs:
    """The signs of a learner whose layers walked as recorded."""
    first = next((walk for walk in walks if walk.layer == 0), None)
    return Signs(
        flows,
        [units_of(walk) for walk in walks] if units is None else units,
        None if first is None else reading_of(first),
        history,
        options,
        learner.padding(learner.batches(1)),
        [] if first is None else first.lengths.tolist(),
        leak_of(learner),
    )


def reading_of(walk: Walk) -> Reading | None:
    """Over the steps within the sequences; None without any."""
    steps = torch.arange(len(walk.x), device=walk.x.device)[:, None]
    values = walk.x.detach()[steps < walk.lengths].double()
    if not len(values):
        return None
    size = values.square().mean(0).sqrt()
    return Reading(float(size.min()), float(size.max()))


def leak_of(learner: Learner) -> FirstStep | None:
    """Of classification alone; None where it cannot be told."""
    if not isinstance(learner, ClassifyLearner):
        return None
    values: list[Tensor] = []
    labels: list[Tensor] = []
    longest = count = 0
    for batch in learner.batches(1):
        x, lengths, y = learner.fetch(batch)
        some = torch.ones_like(y, dtype=torch.bool) if lengths is None else lengths > 0
        values.append(x[0][some].cpu())
        labels.append(y[some].cpu())
        longest, count = max(longest, len(x)), count + len(y)
        if count >= LOOKED_AT:
            break
    if longest < 2:
        return None
    return first_step(torch.cat(values).numpy(), torch.cat(labels).numpy())
