"""Signs: what the doctor looks at, taken from a network, its data and its training.

Dimensions: T steps, B sequences, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from elman.inspect.gates import Units
from elman.inspect.leak import FirstStep, first_step, first_step_of_numbers
from elman.nn.recording import Walk
from elman.tasks.classifying.learner import ClassifyLearner
from elman.tasks.pooled.learner import PooledLearner
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
    units: Sequence[Units],
    learner: Learner,
    options: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]] = (),
) -> Signs:
    """The signs of a learner.

    walks: of the first layer, over each batch that was looked at. flows, units: of all layers.
    """
    return Signs(
        flows,
        units,
        reading_of(walks),
        history,
        options,
        learner.padding(learner.batches(1)),
        [length for walk in walks for length in walk.lengths.tolist()],
        leak_of(learner),
    )


def reading_of(walks: Sequence[Walk]) -> Reading | None:
    """Over the steps within the sequences of a layer's walks; None without any."""
    squares, count = torch.zeros(()), 0
    for walk in walks:
        steps = torch.arange(len(walk.x), device=walk.x.device)[:, None]
        values = walk.x.detach()[steps < walk.lengths].double().cpu()
        squares, count = squares + values.square().sum(0), count + len(values)
    if not count:
        return None
    size = (squares / count).sqrt()
    return Reading(float(size.min()), float(size.max()))


def leak_of(learner: Learner) -> FirstStep | None:
    """Of tasks that answer once for a whole sequence; None where it cannot be told."""
    if not isinstance(learner, PooledLearner):
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
    told = first_step if isinstance(learner, ClassifyLearner) else first_step_of_numbers
    return told(torch.cat(values).numpy(), torch.cat(labels).numpy())
