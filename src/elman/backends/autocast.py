"""What torch.autocast asks of a layer on the CPU: products of bfloat16, beside float32 everywhere else."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from elman.backends import engine
from elman.program import Program


def asked(weight: Tensor) -> bool:
    """Whether autocast is on and asks a layer of these weights for bfloat16; others run in their own type."""
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return False
    return torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16


def products(program: Program, weight: Tensor, backend: str) -> torch.dtype | None:
    """The `products` of `recurrence` for a layer of these weights.

    With backend "auto", a machine that lacks products of bfloat16 runs the layer in float32, with a warning;
    a named reader never does.
    """
    if not asked(weight):
        return None
    obstacle = engine.obstacle(program, weight.device, weight.dtype, bf16=True)
    if backend != "auto" or not obstacle:
        return torch.bfloat16
    warnings.warn(
        f"torch.autocast: {program.name} runs in float32: {obstacle} "
        'Call the layer under torch.autocast("cpu", enabled=False), or silence this warning.',
        stacklevel=5,  # the caller of the module, whose call is two frames of torch's
    )
    return None


def cast(value: Any, like: Tensor | torch.dtype) -> Any:
    """A tensor, each tensor of a tuple or list, or a PackedSequence in that dtype; anything else as it is."""
    dtype = like.dtype if isinstance(like, Tensor) else like
    if isinstance(value, PackedSequence):
        return value._replace(data=value.data.to(dtype))
    if isinstance(value, (tuple, list)):
        return tuple(cast(entry, dtype) for entry in value)
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value
