"""The model of tag: a network with its inputs and labels, and what it says of data.

Dimensions: S steps in all, K labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch

from elman.data import Sequences
from elman.data.spilled import room
from elman.data.tagged import Tagged
from elman.tasks.inputs import Inputs
from elman.tasks.tagging.labels import StepLabels
from elman.tasks.tagging.network import Coded, TagNetwork, walk
from elman.tasks.tagging.options import TagOptions
from elman.tasks.task import Model
from elman.tasks.token_inputs import TokenInputs


@dataclass(frozen=True)
class Said:
    """Of all steps, one sequence after the other: probabilities (S, K), or (0, K) where they were not asked
    for, labels (S,) or (S, K), mean loss."""

    probabilities: np.ndarray
    labels: np.ndarray
    nll: float


def said(model: Model, part: Tagged, *, labelled: bool = False, chances: bool = True) -> Said:
    network = cast(TagNetwork, model.module)
    network.eval()
    labels, lengths = model.parts["labels"], part.lengths
    data = replace(part, labels=part.labels if labelled else None)
    given = coded(data, model.parts["inputs"], labels).to(network.output.weight.device)
    starts, steps = np.cumsum(lengths) - lengths, int(lengths.sum())
    told = room((steps if chances else 0, len(labels)), np.float32)
    answers = room((steps, len(labels)), np.int8) if labels.several else room((steps,), np.int64)
    loss = 0.0
    with torch.inference_mode():
        for batch in walk(network, network, given):
            loss += batch.loss
            inside = torch.arange(len(batch.labels), device=batch.lengths.device)[:, None] < batch.lengths
            first = torch.from_numpy(starts)[batch.rows]
            places = (first + torch.arange(len(batch.labels))[:, None])[inside.cpu()].numpy()
            if chances:
                told[places] = batch.probabilities[inside].cpu().numpy()
            answers[places] = batch.labels[inside].cpu().numpy()
    return Said(told, answers, loss / max(steps, 1))


def beside(sequences: Sequences, flat: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The steps of sequences, some at a time, and what `flat` (S, …) has at the same places."""
    at = 0
    for block in sequences.blocks():
        yield block, flat[at : at + len(block)]
        at += len(block)


def model_of(
    about: dict[str, Any],
    vocabulary: str | None,
    inputs: Inputs | TokenInputs,
    labels: StepLabels,
    cell: Any,
    options: TagOptions,
) -> Model:
    network = TagNetwork(inputs, cell, options, len(labels), options.decoder or "softmax")
    return Model(network, about, vocabulary, {"labels": labels, "inputs": inputs, "cell": cell})


def coded(data: Tagged, inputs: Any, labels: StepLabels) -> Coded:
    data = labels.align(data)
    y = None if data.labels is None else labels.encode(data)
    return Coded(inputs.encode(data.inputs, data.source), y)


def counts_of(coded: Coded, labels: StepLabels) -> list[int]:
    """(K,): how often each label stands in the training data."""
    assert coded.y is not None
    counts = np.zeros(len(labels), dtype=np.int64)
    for block in coded.y.blocks():
        here = block.sum(0) if labels.several else np.bincount(block, minlength=len(labels))
        counts += here.astype(np.int64)
    return counts.tolist()
