"""Gates and units: what is open or shut, dead or saturated, and how many directions the states use.

Dimensions: R steps of all sequences, W features of one value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from elman.inspect.inside import Inside, look_inside
from elman.nn.recording import Walk

NEAR = 0.1  # of 0 or of 1: a gate that is shut or open
SATURATED = 0.99  # of tanh, beyond which its slope is under 0.02
ALWAYS = 0.95  # share of the steps that counts as always
STILL = 1e-4  # deviation, beside that of the whole layer, below which a unit does nothing
LARGEST = 20_000  # steps from which the rank is taken


@dataclass(frozen=True)
class Gate:
    """One gate: shares of time and units within `NEAR` of 0 and 1, and its mean; shut, open: shares of
    units that are so in `ALWAYS` of the steps."""

    name: str
    near_zero: float
    near_one: float
    mean: float
    shut: float
    open: float


@dataclass(frozen=True)
class States:
    """One state of the cell over the data: its range, units without movement, and the effective rank."""

    name: str
    low: float
    high: float
    mean: float
    units: int
    still: int
    rank: float


@dataclass(frozen=True)
class Units:
    """Gates and units of one layer.

    note: what there is to say where a section is empty. saturated: by the name of each tanh, the share of
    units beyond ±`SATURATED` in `ALWAYS` of the steps. dead: by the name of each result of a relu, the share
    of units that are 0 at all steps.
    """

    module: str
    title: str
    steps: int
    gates: list[Gate]
    states: list[States]
    saturated: dict[str, float]
    dead: dict[str, float]
    note: str = ""

    def plain(self) -> dict[str, Any]:
        kept = {"gates": [vars(gate) for gate in self.gates], "states": [vars(s) for s in self.states]}
        return {**vars(self), **kept}


def units_of(walk: Walk, inside: Inside | None = None) -> Units:
    """Of a walk recorded at every step; `inside` saves computing it again."""
    inside = look_inside(walk) if inside is None else inside
    steps = len(inside.step)
    note = "" if inside.gates else f"the cell {walk.program.name} has no gates"
    if not steps:
        return Units(walk.name, walk.title, 0, [], [], {}, {}, note or "no steps")
    beyond = {name: value.abs() > SATURATED for name, value in inside.bounded.items()}
    return Units(
        walk.name,
        walk.title,
        steps,
        [_gate(name, value) for name, value in inside.gates.items()],
        [_states(name, value) for name, value in inside.states.items()],
        {name: _share_always(value) for name, value in beyond.items()},
        {name: float((value <= 0).all(0).float().mean()) for name, value in inside.rectified.items()},
        note,
    )


def effective_rank(states: Tensor) -> float:
    """exp of the entropy of the singular values' shares (Roy and Vetterli 2007, "The effective rank") of
    states (R, W) around their mean; from 0 (nothing moves) to W."""
    thinned = states[:: max(1, len(states) // LARGEST)].double()
    centred = thinned - thinned.mean(0)
    values = torch.linalg.eigvalsh(centred.T @ centred).clamp(min=0.0).sqrt()
    if float(values.sum()) <= 1e-9 * len(thinned):
        return 0.0
    share = values / values.sum()
    return float(torch.special.entr(share).sum().exp())


def _gate(name: str, value: Tensor) -> Gate:
    zero, one = value < NEAR, value > 1.0 - NEAR
    shares = [float(part.float().mean()) for part in (zero, one, value)]
    return Gate(name, *shares, shut=_share_always(zero), open=_share_always(one))


def _states(name: str, value: Tensor) -> States:
    deviation = value.double().std(0, correction=0)
    still = int((deviation <= STILL * float(value.double().std(correction=0))).sum())
    low, high, mean = float(value.min()), float(value.max()), float(value.mean())
    return States(name, low, high, mean, value.shape[1], still, effective_rank(value))


def _share_always(where: Tensor) -> float:
    """Share of the units for which `where` (R, W) holds in `ALWAYS` of the steps."""
    return float((where.float().mean(0) >= ALWAYS).float().mean())
