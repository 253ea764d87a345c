"""The optimizers by name, with weight decay on matrices only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from elman.errors import unknown

Groups = list[dict[str, Any]]


def _adamw(groups: Groups, lr: float, fused: bool) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=lr, fused=fused)


def _adam(groups: Groups, lr: float, fused: bool) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr=lr, fused=fused)


def _sgd(groups: Groups, lr: float, fused: bool) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True, fused=fused)


def _rmsprop(groups: Groups, lr: float, fused: bool) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(groups, lr=lr, alpha=0.99)


OPTIMIZERS: dict[str, Callable[[Groups, float, bool], torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "adam": _adam,
    "sgd": _sgd,
    "rmsprop": _rmsprop,
}

#: the largest learning rate where none is given
LEARNING_RATES = {"adamw": 4e-3, "adam": 4e-3, "sgd": 0.1, "rmsprop": 1e-3}


def create_optimizer(
    name: str, parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float, fused: bool = True
) -> torch.optim.Optimizer:
    """An optimizer over the trainable `parameters`: matrices decay, vectors (biases, peepholes) do not.

    fused: one kernel for all weights; not possible with 16-bit gradient scaling.
    """
    trainable = [p for p in parameters if p.requires_grad]
    groups: Groups = [
        {"params": [p for p in trainable if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]([g for g in groups if g["params"]], lr, fused)
