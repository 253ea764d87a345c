"""Floor 2: the readers of a Program, and `recurrence`, through which everything above runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from elman.backends import engine, reference, scan, torch_kernels
from elman.backends.choose import BF16, CHOICES, Choice, check_device, choose, explain
from elman.backends.given import Given
from elman.errors import unknown, wrong
from elman.program import Program

#: how much a training step keeps
MEMORY = ("fast", "low")

__all__ = ["CHOICES", "Choice", "check_device", "choose", "explain", "prepare", "recurrence"]


def recurrence(
    program: Program,
    x: Tensor,
    parameters: Mapping[str, Tensor],
    states: Sequence[Tensor | None],
    *,
    masks: Mapping[str, Tensor] | None = None,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    backend: str = "auto",
    memory: str = "fast",
    all_states: bool = False,
    products: torch.dtype | None = None,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Run a Program over time.

    Args:
        program: the traced cell.
        x: (T, B, I), time first.
        parameters: a tensor for each name in `program.parameters`, of that parameter's shape.
        states: one tensor (B, W) for each state before the first step, or None for zeros.
        masks: a tensor for each name in `program.masks`, (B, W) for all steps or (T, B, W); no gradient
            reaches them.
        lengths: (B,) int64 on the CPU, each in 0 … T: steps of each sequence; None means T for all.
        resets: (T, B) bool; True at step t: a segment starts there. Before its first step (its last one where
            `reverse`) the state is the one before the whole run, and gradients reach that alone.
        reverse: walk each sequence from its last step to its first.
        backend: "auto", or the reader: "engine", "torch", "scan" or "reference".
        memory: "fast", or "low": in training keep the states at every √T-th step only and run the rest again
            in the backward pass. The engine alone does; the other readers keep what autograd keeps.
        all_states: hand out every state at every step, rather than the first one.
        products: the type in which matrix products take their operands, in the backward pass too: None, that
            of x, or torch.bfloat16, beside float32 everywhere else. The engine has these on machines with
            AVX512-BF16; the reference rounds the operands.

    Returns:
        The first state, or every state with `all_states`, at every step, each (T, B, W), 0 past each length;
        and each state (B, W) at the end of its sequence's walk.

    Raises:
        ArgumentError: an unknown backend or memory, or another type of products.
        BackendError: a named backend that cannot serve these tensors.
    """
    if memory not in MEMORY:
        raise unknown("memory", memory, MEMORY)
    if products not in (None, torch.bfloat16):
        raise wrong("products", expected="None or torch.bfloat16", got=products)
    bf16, low = products is not None, memory == "low"
    beyond = _beyond(program, resets is not None, all_states, low, bf16)
    reader = choose(program, x.device, x.dtype, backend, beyond)
    given = Given(x, parameters, states, masks or {}, lengths, resets, reverse, all_states, low, bf16)
    if reader == "scan":
        inner = reference.run if engine.obstacle(program, x.device, x.dtype, bf16) else engine.run
        return scan.run(program, given, inner)
    run = {"engine": engine.run, "torch": torch_kernels.run, "reference": reference.run}[reader]
    return run(program, given)


def _beyond(program: Program, resets: bool, all_states: bool, low: bool, bf16: bool) -> tuple[str, ...]:
    """What a run asks for that not all readers have."""
    if not (resets or all_states or low or bf16):
        return ()
    several = all_states and len(program.states) > 1
    asked = {"resets": resets, "sequences of all states": several, 'memory="low"': low, BF16: bf16}
    return tuple(name for name, wanted in asked.items() if wanted)


def prepare(program: Program) -> None:
    """Derive now what the readers need of a Program, rather than at its first run.

    A layer calls it when it is made: under torch.compile the first run is no place for it, and a cell whose
    adjoint cannot be derived is refused before training.
    """
    reference.prepare(program)
    engine.prepare(program)
