"""Examine: a batch goes through a network once, and everything that is asked of it is recorded on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn

from elman.errors import DataError
from elman.inspect.gates import units_of
from elman.inspect.inside import Inside, look_inside
from elman.inspect.signs import Signs, signs_of
from elman.nn.recording import Walk, recorded
from elman.train.gradient_flow import LayerFlow, flow_of, longest
from elman.train.learner import Learner

#: recurrent layers below those of the task, such as one that reads the letters of a word
BELOW = "body.input"


@dataclass(frozen=True)
class Look:
    """batch: as fetched. walks: of each layer and direction, their graph kept. inside: what each holds."""

    batch: Any
    walks: list[Walk]
    flows: list[LayerFlow]
    inside: list[Inside]


@dataclass(frozen=True)
class Examined(Look):
    """A look with what the doctor reads."""

    signs: Signs


def examine(
    learner: Learner, options: Mapping[str, Any], history: Sequence[Mapping[str, Any]] = (), batch: int = 0
) -> Examined:
    """The network of a learner on one batch; arguments as of `look` and `Signs`."""
    seen = look(learner, batch)
    units = [units_of(walk, held) for walk, held in zip(seen.walks, seen.inside, strict=True)]
    signs = signs_of(seen.walks[:1], seen.flows, units, learner, options, history)
    return Examined(**vars(seen), signs=signs)


def look(learner: Learner, batch: int = 0) -> Look:
    """The network of a learner in evaluation, with its real loss on batch number `batch` of the first epoch.

    Weights, the carried state and the mode stay what they were.

    Raises `DataError` if there is no such batch.
    """
    batches = learner.batches(1)
    if not 0 <= batch < len(batches):
        raise DataError(f"batch: expected a number from 0 to {len(batches) - 1}, got {batch}.")
    module, carried = learner.module, learner.carried()
    fetched = _of_weights(learner.fetch(batches[batch]), module)
    training = module.training
    module.eval()
    learner.carry({})
    try:
        with torch.enable_grad(), recorded(module) as walks:
            step = learner.step(module, fetched)
    finally:
        learner.carry(carried)
        module.train(training)
    chosen = longest(walks, skip=BELOW)
    flows = flow_of(step.loss * step.count, chosen, retain=True)
    return Look(fetched, chosen, flows, [look_inside(walk) for walk in chosen])


def _of_weights(fetched: Any, module: nn.Module) -> Any:
    """A batch with its numbers in the type of the weights, as Fabric hands it to a network in training."""
    dtype = next(module.parameters()).dtype
    return apply_to_collection(fetched, Tensor, lambda t: t.to(dtype) if t.is_floating_point() else t)
