"""The engine reader: a Program's two plans run by the C++ engine, under autograd.

The loop over time takes the projections of x along, several steps at once where there are few sequences. The
weight gradients follow after it: each is one large product over all steps.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.autograd import forward_ad

from elman.backends import autograd, native, operators, passes, reference
from elman.backends.given import Given
from elman.backends.tensors import compiled
from elman.program import Program


def obstacle(program: Program, device: torch.device, dtype: torch.dtype, bf16: bool = False) -> str:
    """Why the engine cannot serve, in a sentence; empty if it can. bf16: with products of bfloat16."""
    if native.missing():
        return f"the compiled engine cannot be loaded ({native.missing()})."
    if device.type != "cpu":
        return f"the engine runs on the CPU, the tensors are on {device}."
    if dtype not in native.dtypes():
        names = " and ".join(native.name_of(d) for d in native.dtypes())
        return f"the engine computes in {names}, the tensors are {native.name_of(dtype)}."
    if bf16 and dtype != torch.float32:
        return f"products of bfloat16 are for float32, the tensors are {native.name_of(dtype)}."
    if bf16 and not native.has_bf16():
        return f"products of bfloat16 need AVX512-BF16, and the kernels in use are {native.isa()}."
    operations = compiled(program).operations
    if operations <= native.OPCODES.keys():
        return ""
    return f"the engine has no instruction {', '.join(sorted(operations - native.OPCODES.keys()))}."


def prepare(program: Program) -> None:
    """Derive the adjoint and the choice of stored values; kept for every later run, of whatever kind."""
    for all_states, bf16 in product((False, True), repeat=2):
        compiled(program, all_states, bf16)


def describe() -> str:
    """The engine's kernels and threads, for `explain`."""
    return f"{native.isa()} kernels, {torch.get_num_threads()} thread(s)"


def run(program: Program, given: Given) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """As `reference.run`. Forward-mode derivatives come from there."""
    if forward_ad._current_level >= 0:
        return reference.run(program, given)
    plans = compiled(program, given.all_states, given.bf16)
    keep = torch.is_grad_enabled() and _wants_gradient(given)
    if torch.compiler.is_compiling() or isinstance(given.x, FakeTensor):  # shapes alone
        results = operators.run(plans, given, keep)
    elif autograd.transformed():
        results = autograd.Recurrence.apply(plans, given.form, *given.tensors(program))
    elif keep:
        results = autograd.Direct.apply(plans, given, *given.tensors(program))
    else:
        results = passes.forward(plans, given, keep=False).flat(plans)
    shown = len(plans.shown)
    return tuple(results[:shown]), tuple(results[shown : plans.outputs])


def _wants_gradient(given: Given) -> bool:
    for leaf in (given.x, *given.parameters.values(), *given.states):
        if leaf is not None and leaf.requires_grad:
            return True
    return False
