"""The regularisers of a layer: what they draw, from torch's own generator, and which Program reads it.

All draws happen before a reader runs, so `torch.manual_seed` fixes them whichever reader that is and however
many threads it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from elman.errors import unknown, wrong
from elman.program import Program
from elman.program.graph import products
from elman.program.regularise import DROP, purpose, regularise, zoned_by_default

#: how long a mask of recurrent dropout holds: for a sequence, or for one step
MODES = ("sequence", "step")


def check_rate(argument: str, value: Any) -> float:
    """The probability as a float; raises `ArgumentError` outside [0, 1)."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < 1:
        raise wrong(
            argument,
            expected="a probability in [0, 1)",
            got=value,
            remedy="0 turns it off; at 1 nothing would be left.",
        )
    return float(value)


def check_mode(value: object) -> None:
    """Raises `ArgumentError` for a mode of recurrent dropout that is not among `MODES`."""
    if value not in MODES:
        raise unknown("recurrent_dropout_mode", value, MODES)


def zoneout_rates(program: Program, value: Any) -> tuple[float, ...]:
    """A probability for each state: the given ones, or one number for all states but delay lines.

    Raises `ArgumentError` for another count than that of the states, and outside [0, 1).
    """
    names = [state.name for state in program.states]
    if isinstance(value, tuple | list):
        if len(value) != len(names):
            raise wrong(
                "zoneout",
                expected=f"a probability, or one for each of {len(names)} states ({', '.join(names)})",
                got=value,
                remedy="A single number serves them all.",
            )
        return tuple(check_rate(f"zoneout[{i}]", rate) for i, rate in enumerate(value))
    rate = check_rate("zoneout", value)
    meant = zoned_by_default(program)
    return tuple(rate if name in meant else 0.0 for name in names)


def masked_program(program: Program, dropped: bool, zoneout: Sequence[float]) -> Program:
    """The Program that reads the masks for these regularisers; the given one where nothing is read."""
    zoned = [state.name for state, rate in zip(program.states, zoneout, strict=True) if rate]
    if not dropped and not zoned:
        return program
    return regularise(program, recurrent_dropout=dropped, zoneout=zoned)


def draw_masks(
    program: Program,
    shape: tuple[int, int],
    sizes: Mapping[str, int],
    like: Tensor,
    *,
    dropout: float,
    mode: str,
    zoneout: Sequence[float],
    training: bool,
) -> dict[str, Tensor]:
    """The masks of one run of a Program from `masked_program`.

    Args:
        shape: (T, B). sizes: numbers for the widths. like: a tensor of the masks' dtype and device.
        dropout: of the recurrence, the mask 1 / (1 - dropout) or 0, for `mode`, one of `MODES`.
        zoneout: for each state. In training a new mask of ones (keep the old state) and zeros at each step,
            in evaluation the probability itself.

    Returns:
        (B, W) for what holds at all steps, (T, B, W) for what changes, by the name of the mask.
    """
    rates = {state.name: rate for state, rate in zip(program.states, zoneout, strict=True)}
    drawn: dict[str, Tensor] = {}
    for mask in program.masks:
        kind, state = purpose(mask)
        row, each = (shape[1], sizes[mask.width]), (*shape, sizes[mask.width])
        if kind == DROP:
            drawn[mask.name] = _kept(each if mode == "step" else row, dropout, like)
        elif training:
            drawn[mask.name] = (_uniform(each, like) < rates[state]).to(like.dtype)
        else:
            drawn[mask.name] = like.new_full(row, rates[state])
    return drawn


def drop(values: Tensor, rate: float) -> Tensor:
    """Each value zeroed with that probability, the others / (1 - rate)."""
    return values * _kept(values.shape, rate, values)


def drop_inputs(x: Tensor, rate: float) -> Tensor:
    """x (T, B, I) with the same features of a sequence zeroed at all its steps, the others / (1 - rate)."""
    return x * _kept(x.shape[1:], rate, x)


def _kept(shape: Sequence[int], rate: float, like: Tensor) -> Tensor:
    """The mask of inverted dropout: 0 with that probability, else 1 / (1 - rate)."""
    return (_uniform(shape, like) >= rate).to(like.dtype) / (1.0 - rate)


def _uniform(shape: Sequence[int], like: Tensor) -> Tensor:
    """Numbers in [0, 1), float32.

    On a CPU they and a comparison take a third of the time of `bernoulli`.
    """
    return torch.rand(shape, device=like.device, dtype=torch.float32)


def recurrent_weights(program: Program) -> frozenset[str]:
    """The matrices that weight drop thins out: those of the products inside the loop over time."""
    return frozenset(node.weight for node in products(program.graph))
