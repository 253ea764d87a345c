"""Names, shapes, gate orders and initial values of the layers' parameters.

A layer's parameter is called `{name}_l{layer}` and, in the second direction, `{name}_l{layer}_reverse`. Gates
are blocks of rows. I input, H hidden, P projected features (H where there is no projection); for a deeper
layer, I is the width of the outputs before it:

    layer   gates        weight_ih   weight_hh   bias_ih, bias_hh   weight_hr   peephole
    RNN     one          (H, I)      (H, H)      (H,)
    GRU     r z n        (3H, I)     (3H, H)     (3H,)
    LSTM    i f g o      (4H, I)     (4H, P)     (4H,)              (P, H)      (3H,), gates i f o

    r reset, z update, n candidate; i input, f forget, g candidate, o output

That is torch's order, so weights of `torch.nn` load as they are. With `learn_initial_state` there is also
`initial_{state}`, (W,), for each state of the cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Module, init

from elman.errors import wrong
from elman.program.program import Parameter, State
from elman.program.starts import Feature, Normal


def suffix(layer: int, direction: int) -> str:
    """What stands behind a parameter's name: `_l0`, `_l0_reverse`, `_l1` …"""
    return f"_l{layer}{'_reverse' if direction else ''}"


def add_parameters(
    module: Module, parameters: Iterable[Parameter], sizes: dict[str, int], ending: str, **place: object
) -> list[str]:
    """Give `module` the cell's parameters, without values yet; returns their names in the module."""
    names = []
    for parameter in parameters:
        name = parameter.name + ending
        empty = torch.empty(parameter.shape(sizes), **place)  # type: ignore[call-overload]
        module.register_parameter(name, torch.nn.Parameter(empty))
        names.append(name)
    return names


def initial_states(states: Iterable[State]) -> tuple[Parameter, ...]:
    """The learned states before the first step, zeros to begin with."""
    return tuple(Parameter(f"initial_{s.name}", 1, s.width, None, "zeros") for s in states)


@torch.no_grad()
def initialise(module: Module, name: str, parameter: Parameter, hidden_size: int) -> None:
    """Draw the module's parameter `name` anew, as the cell declares it.

    A parametrized one (weight_norm and the like) is assigned, so that its own parameters follow.
    """
    current = getattr(module, name)
    if isinstance(current, torch.nn.Parameter):
        draw(current, parameter, hidden_size)
    else:
        value = torch.empty_like(current)
        draw(value, parameter, hidden_size)
        setattr(module, name, value)


@torch.no_grad()
def draw(tensor: Tensor, parameter: Parameter, hidden_size: int) -> None:
    """Fill `tensor` in place by `parameter.init`; `elman.program.starts` says what it may be.

    "uniform", torch's way for recurrent layers, is U(-1/√H, 1/√H) and takes the random numbers torch takes.
    """
    kind = parameter.init
    if kind == "uniform":
        _uniform(tensor, hidden_size // parameter.heads)
    elif kind == "zeros":
        init.zeros_(tensor)
    elif kind == "ones":
        init.ones_(tensor)
    elif isinstance(kind, str):
        _draw_blocks(tensor, parameter, kind)
    elif isinstance(kind, Normal):
        init.normal_(tensor, 0.0, kind.scale / math.sqrt(tensor.shape[1]))
    elif callable(kind):
        _draw_features(tensor, parameter.gates, kind)
    else:
        _uniform(tensor, hidden_size // parameter.heads)
        for block, number in zip(tensor.chunk(parameter.gates), kind, strict=True):
            if number is not None:
                block.fill_(number)


def _uniform(tensor: Tensor, hidden_size: int) -> None:
    bound = 1.0 / math.sqrt(hidden_size)
    init.uniform_(tensor, -bound, bound)


def _draw_features(tensor: Tensor, gates: int, start: Feature) -> None:
    """Each feature's numbers, one for each gate, from `start` and torch's random numbers."""

    def random() -> float:
        return torch.rand((), dtype=torch.float64).item()

    rows = [start(random) for _ in range(tensor.shape[0] // gates)]
    tensor.copy_(torch.tensor(rows, dtype=tensor.dtype).T.reshape(-1))


def _draw_blocks(tensor: Tensor, parameter: Parameter, kind: str) -> None:
    """The initialisations of a matrix, each block of a gate and head by itself."""
    if tensor.dim() != 2:
        raise wrong(
            f"init of {parameter.name!r}",
            expected="'uniform', 'zeros', 'ones' or numbers for a parameter that is a vector",
            got=kind,
            remedy="Change it where the cell declares the parameter.",
        )
    fill = {"orthogonal": init.orthogonal_, "identity": init.eye_, "glorot": init.xavier_uniform_}[kind]
    for block in tensor.chunk(parameter.gates * parameter.heads):
        fill(block)
