"""What the layers accept: the checks of their constructors and calls, each with its remedy."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elman.backends import CHOICES
from elman.backends.autograd import transformed
from elman.cells import Cell, create, names, options
from elman.errors import shown, unknown, wrong
from elman.program import Program


def check_size(argument: str, value: object, *, least: int = 1, remedy: str) -> None:
    """Raises `ArgumentError` unless `value` is an int of at least `least` (a bool is no int here)."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise wrong(argument, expected=f"an integer >= {least}", got=value, remedy=remedy)


def check_flag(argument: str, value: object) -> None:
    """Raises `ArgumentError` unless `value` is a bool."""
    if not isinstance(value, bool):
        raise wrong(argument, expected="True or False", got=value, remedy=_positional_hint(argument))


def check_dropout(value: Any, num_layers: int) -> None:
    """Raises `ArgumentError` outside [0, 1]; warns where there is no second layer to drop between."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise wrong(
            "dropout",
            expected="a number in [0, 1]",
            got=value,
            remedy="It is the probability that an element of a layer's output is zeroed in training.",
        )
    if value and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
            f"num_layers greater than 1, but got dropout={value} and num_layers={num_layers}",
            stacklevel=_levels_to_the_caller(),
        )


def _levels_to_the_caller() -> int:
    """How far up the stack the first frame outside of this package is, for a warning one level down."""
    frame, level, here = sys._getframe(1), 1, str(Path(__file__).parents[1])
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        frame, level = frame.f_back, level + 1
    return level


def check_memory(value: object) -> None:
    """Raises `ArgumentError` unless `value` is "fast" or "low"."""
    if value not in ("fast", "low"):
        raise unknown("memory", value, ("fast", "low"))


def check_backend(backend: object) -> None:
    """Raises `ArgumentError` for a name that is no reader's."""
    if backend not in CHOICES:
        raise unknown("backend", backend, CHOICES)


def choose_cell(cell: object, hidden_size: int, proj_size: int) -> Cell:
    """The cell that a layer runs: `cell` itself, or the registered one of that name.

    Raises:
        ArgumentError: neither a name nor a `Cell`; an unknown name; a projection size that the cell has no
            use for, or none where it needs one, or one that is not less than `hidden_size`.
    """
    if isinstance(cell, str):
        wanted = {"projection": True} if proj_size and "projection" in options(cell) else {}
        cell = create(cell, **wanted)
    if not isinstance(cell, Cell):
        raise wrong(
            "cell",
            expected="the name of a cell, or a Cell",
            got=cell,
            remedy="elman.cells.names() lists the names; a class of your own is called: MyCell().",
        )
    projects = _has_projection(cell.program())
    if proj_size and not projects:
        raise wrong(
            "proj_size",
            expected=f"0 for {cell!r}, which has no projection",
            got=proj_size,
            remedy="LSTM has one; a cell of your own has one when it projects to width 'P'.",
        )
    if projects and not 0 < proj_size < hidden_size:
        raise wrong(
            "proj_size",
            expected=f"an integer in 1 .. {hidden_size - 1}, less than hidden_size",
            got=proj_size,
            remedy="A projection makes the output narrower than the hidden state.",
        )
    return cell


def own_options(cell: object = None, *_: object, **__: object) -> str:
    """Where the options of its cell go, for who gives one of them to `Recurrent`; empty where it has none."""
    if isinstance(cell, str) and cell in names():
        made, own = f"elman.cells.create({cell!r}, …)", options(cell)
    elif isinstance(cell, Cell):
        made, own = f"{type(cell).__name__}(…)", tuple(inspect.signature(type(cell)).parameters)
    else:
        return ""
    return f"Options of the cell go to it, {made}: {', '.join(own)}." if own else ""


def _has_projection(program: Program) -> bool:
    rows = [state.width for state in program.states] + [p.width for p in program.parameters]
    return "P" in rows


def check_dimensions(x: Tensor, names: Sequence[str]) -> None:
    """Raises `ArgumentError` unless `x` has the dimensions of those names, or one more for a batch."""
    single = len(names)
    if x.dim() not in (single, single + 1):
        dimensions = f"{single} dimension{'s' if single > 1 else ''} ({', '.join(names)})"
        raise wrong(
            "input",
            expected=f"{dimensions} or {single + 1} with a batch",
            got=tuple(x.shape),
            remedy="Add a missing dimension with input.unsqueeze(), merge surplus ones with input.flatten().",
        )


def check_input(x: Tensor, weight: Tensor, input_size: int) -> None:
    """Raises `ArgumentError` unless `x` (..., I) has the layer's features, dtype and device."""
    features = x.shape[-1]
    if features != input_size:
        raise wrong(
            "input",
            expected=f"{input_size} features in the last dimension",
            got=features,
            remedy=f"Pass input of shape (..., {input_size}), or build the layer with input_size={features}.",
        )
    check_kind("input", x, weight)


def check_kind(argument: str, value: Tensor, weight: Tensor) -> None:
    """Raises `ArgumentError` unless `value` has the dtype and the device of the layer's weights."""
    if value.dtype != weight.dtype:
        raise wrong(
            argument,
            expected=f"the weights' dtype {weight.dtype}",
            got=value.dtype,
            remedy=f"Convert it: {argument}.to({weight.dtype}), or the layer: layer.to({value.dtype}).",
        )
    if value.device != weight.device:
        remedy = f"Move it: {argument}.to('{weight.device}'), or the layer: layer.to('{value.device}')."
        if value.is_meta:
            remedy = f"It has no values that could be moved: make one there, with device='{weight.device}'."
        raise wrong(
            argument,
            expected=f"a tensor on the weights' device {weight.device}",
            got=shown(str(value.device)),
            remedy=remedy,
        )


def check_states(
    hx: Any, names: Sequence[str], shapes: Sequence[tuple[int, ...]], legend: str, weight: Tensor
) -> list[Tensor]:
    """`hx` as a list with one tensor for each state of the cell.

    Args:
        hx: one tensor for a cell with one state, else a tuple or list of them.
        names: the cell's states.
        shapes: what each must be; `legend` says in words what the dimensions are.
        weight: a parameter of the layer, for dtype and device.

    Raises:
        ArgumentError: another number of states, or a shape, dtype or device that does not fit.
    """
    several = len(names) > 1
    if several and not (isinstance(hx, tuple | list) and len(hx) == len(names)):
        count = f"{len(hx)} of them" if isinstance(hx, tuple | list) else f"a {type(hx).__name__}"
        states = ", ".join(names)
        raise wrong(
            "hx",
            expected=f"a tuple of {len(names)} tensors ({states})",
            got=shown(count),
            remedy=f"The cell carries {len(names)} states: pass hx=({states}).",
        )
    given: list[Any] = list(hx) if several else [hx]
    for index, (value, shape) in enumerate(zip(given, shapes, strict=True)):
        _check_state(f"hx[{index}]" if several else "hx", value, shape, legend, weight)
    return given


def _check_state(argument: str, value: Any, shape: tuple[int, ...], legend: str, weight: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise wrong(
            argument,
            expected=f"a tensor of shape {shape} = ({legend})",
            got=shown(f"a {type(value).__name__}"),
            remedy="Leave hx out to start from zeros.",
        )
    if tuple(value.shape) != shape:
        raise wrong(
            argument,
            expected=f"shape {shape} = ({legend})",
            got=tuple(value.shape),
            remedy=_state_hint(value.shape, shape, legend),
        )
    check_kind(argument, value, weight)


def check_lengths(lengths: Any, steps: int, batch: int) -> Tensor:
    """`lengths` as an int64 tensor (B,) on the CPU; each in 0 .. T, in any order.

    Raises:
        ArgumentError: not integers, not one for each sequence, or a value outside 0 .. T. The values are not
            looked at while torch.compile traces or `vmap` maps them, where they are not known.
    """
    try:
        values = torch.as_tensor(lengths)
    except (TypeError, ValueError, RuntimeError):
        raise wrong("lengths", expected="a list or tensor of integers", got=lengths) from None
    if values.numel() == 0 and not isinstance(lengths, Tensor):
        values = values.to(torch.int64)  # an empty list comes as float
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise wrong(
            "lengths",
            expected="integers",
            got=values.dtype,
            remedy="Give the number of steps of each sequence: lengths.to(torch.int64).",
        )
    if tuple(values.shape) != (batch,):
        raise wrong(
            "lengths",
            expected=f"shape ({batch},), one length for each sequence of the batch",
            got=tuple(values.shape),
            remedy="If batch and time are swapped, look at the layer's batch_first.",
        )
    if not torch.compiler.is_compiling() and not transformed():
        _check_range(values, steps)
    return values.to(device="cpu", dtype=torch.int64)


def check_resets(resets: Any, shape: tuple[int, ...], batch_first: bool) -> Tensor:
    """`resets` itself; raises `ArgumentError` unless it is a bool tensor of that shape, the caller's."""
    order = "steps" if len(shape) == 1 else "batch, steps" if batch_first else "steps, batch"
    if not isinstance(resets, Tensor) or resets.dtype != torch.bool:
        got = f"a tensor of {resets.dtype}" if isinstance(resets, Tensor) else f"a {type(resets).__name__}"
        raise wrong(
            "resets",
            expected=f"a bool tensor of shape {shape} = ({order})",
            got=shown(got),
            remedy="It is True at the steps before which the state starts anew: resets.bool().",
        )
    if tuple(resets.shape) != shape:
        raise wrong(
            "resets",
            expected=f"shape {shape} = ({order})",
            got=tuple(resets.shape),
            remedy="It says for each step of each sequence whether the state starts anew before it.",
        )
    return resets


def _check_range(lengths: Tensor, steps: int) -> None:
    for index, length in enumerate(lengths.tolist()):
        if not 0 <= length <= steps:
            raise wrong(
                f"lengths[{index}]",
                expected=f"a length in 0 .. {steps}, the steps of the input",
                got=length,
                remedy="Pad the input to the longest sequence, or cut the length.",
            )


def _state_hint(got: torch.Size, expected: tuple[int, ...], legend: str) -> str:
    if len(got) != len(expected):
        return f"A state has as many dimensions as the input, here {len(expected)}."
    if len(expected) == 3 and (got[1], got[0], got[2]) == expected:
        return "A state is never batch first: transpose its first two dimensions."
    dimensions = legend.split(", ")
    differing = [n for n in range(len(expected)) if got[n] != expected[n]]
    if len(differing) == 1 and dimensions[differing[0]] == "batch":
        here, there = got[differing[0]], expected[differing[0]]
        return (
            f"The state is of a batch of {here} sequences, the input of {there}: leave hx out to "
            "start from zeros, or carry the states of the same sequences."
        )
    return "Leave hx out to start from zeros."


def _positional_hint(argument: str) -> str:
    return f"Pass it by keyword: {argument}=True."
