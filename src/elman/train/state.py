"""The state of a training: everything that a stopped one needs to end with the same bits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import RunError


@dataclass
class Position:
    """Where a training stands.

    epoch: the one under way, from 1. batch: how many of its batches are done. step: steps done in all.
    totals: sums over the epoch so far. seconds: of work on this epoch so far, `waiting` of them for data.
    """

    epoch: int = 1
    batch: int = 0
    step: int = 0
    totals: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    waiting: float = 0.0


@dataclass
class Progress:
    """A position with what came before it: a record and a rank for each finished epoch."""

    position: Position = field(default_factory=Position)
    history: list[dict[str, Any]] = field(default_factory=list)
    ranks: list[tuple[float, ...]] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The finished epoch with the largest rank, the last of equals; 0 if none is finished.

        The last, since validation data are often too few to tell epochs apart, and the later one has been
        trained for longer and at a smaller learning rate.
        """
        return 1 + max(range(len(self.ranks)), key=lambda epoch: (self.ranks[epoch], epoch), default=-1)

    @property
    def idle_epochs(self) -> int:
        """How many epochs brought nothing better than those before them, since the last that did."""
        return len(self.ranks) - 1 - self.ranks.index(max(self.ranks)) if self.ranks else 0

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Progress:
        """From plain values, as read from JSON."""
        ranks = [tuple(rank) for rank in values["ranks"]]
        return cls(Position(**values["position"]), list(values["history"]), ranks)


def collect(module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(tensors, plain values): weights, the optimizer's memory and the random states."""
    tensors = {f"weights/{name}": tensor for name, tensor in module.state_dict().items()}
    plain: dict[str, Any] = {}
    for place, memory in optimizer.state_dict()["state"].items():
        for name, value in memory.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{place}/{name}"] = value
            else:
                plain[f"optimizer/{place}/{name}"] = value
    tensors["random/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    return tensors, plain


def restore(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, Tensor],
    plain: Mapping[str, Any],
) -> None:
    """Undo `collect`; raises `RunError` if the weights do not fit the module."""
    weights = under(tensors, "weights")
    load_weights(module, weights)
    memory: dict[int, dict[str, Any]] = {}
    for name, value in {**under(tensors, "optimizer"), **under(plain, "optimizer")}.items():
        place, key = name.split("/", 1)
        memory.setdefault(int(place), {})[key] = value
    optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random/cuda"])


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """`load_state_dict` whose failure is a `RunError`."""
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(
            f"model: expected weights that fit the options of the run, got others ({error})."
        ) from None


def under(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The entries whose names begin with `prefix`/, without it."""
    return {name[len(prefix) + 1 :]: value for name, value in values.items() if name.startswith(f"{prefix}/")}
