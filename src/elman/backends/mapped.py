"""A dimension mapped by `vmap`, taken into the batch: one walk for all, since sequences do not meet.

An axis says where the batch B stands in a tensor; None: nowhere, as in a parameter. A mapped dimension of V
becomes the outer part of a batch of V · B.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from elman.backends.tensors import Compiled

Tensors = Sequence[Tensor | None]
Axes = list[int | None]


def axes_given(plans: Compiled, tensors: Sequence[Any], dims: Sequence[int | None]) -> Axes:
    """The axes of `Given.tensors`; `dims`: which dimension of each is mapped, if any, beside its own."""
    program = plans.program
    masks = slice(plans.leaves, plans.leaves + len(program.masks))
    steps = [m.dim() - (d is not None) - 2 for m, d in zip(tensors[masks], dims[masks], strict=True)]
    return [1, *[None] * len(program.parameters), *[0] * len(program.states), *steps, 0, 1]


def axes_kept(plans: Compiled, tensors: Tensors) -> Axes:
    """The axes of `Results.flat`."""
    shown, finals = len(plans.shown), len(plans.program.states)
    return [*[1] * shown, *[0] * finals, *[1] * (len(tensors) - shown - finals)]


def axes_backward(plans: Compiled, tensors: Sequence[Any], dims: Sequence[int | None]) -> Axes:
    """The axes of what `Gradients` is given."""
    given = slice(plans.outputs, plans.outputs + plans.inputs)
    kept = tensors[given.stop :]
    wanted = axes_kept(plans, tensors[: plans.outputs])
    return [
        *wanted,
        *axes_given(plans, tensors[given], dims[given]),
        *(axes_kept(plans, kept) if kept else []),
    ]


def foldable(axes: Axes, dims: Sequence[int | None]) -> bool:
    """Whether all that is mapped has a batch to go into."""
    return all(axis is not None or dim is None for axis, dim in zip(axes, dims, strict=True))


def fold(tensors: Tensors, axes: Axes, dims: Sequence[int | None], count: int) -> list[Tensor | None]:
    """Each tensor with the mapped dimension, of `count`, within its batch."""
    return [_fold(*entry, count) for entry in zip(tensors, axes, dims, strict=True)]


def _fold(tensor: Tensor | None, axis: int | None, dim: int | None, count: int) -> Tensor | None:
    if tensor is None or axis is None:
        return tensor
    if dim is not None:
        return tensor.movedim(dim, axis).flatten(axis, axis + 1)
    repeated = tensor.unsqueeze(axis).expand(*tensor.shape[:axis], count, *tensor.shape[axis:])
    return repeated.flatten(axis, axis + 1)


def unfold(
    tensors: Sequence[Tensor], axes: Sequence[int | None], count: int
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """The way back: each tensor with the mapped dimension by itself, and where it stands. A tensor without
    an axis has it in front already."""
    found = [t if axis is None else _unfold(t, axis, count) for t, axis in zip(tensors, axes, strict=True)]
    return tuple(found), tuple(axis or 0 for axis in axes)


def _unfold(tensor: Tensor, axis: int, count: int) -> Tensor:
    return tensor.unflatten(axis, (count, tensor.shape[axis] // count))


def cut(tensors: Tensors, axes: Axes, count: int) -> tuple[list[Tensor | None], tuple[int | None, ...]]:
    """Each tensor with its batch cut into `count` samples, and where that new dimension stands."""
    dims = tuple(None if t is None else axis for t, axis in zip(tensors, axes, strict=True))
    found = [
        t if t is None or d is None else _unfold(t, d, count) for t, d in zip(tensors, dims, strict=True)
    ]
    return found, dims


def join(tensor: Tensor, axis: int | None) -> Tensor:
    """The way back from samples in front; without an axis they stay there."""
    return tensor if axis is None else tensor.movedim(0, axis).flatten(axis, axis + 1)


def each(
    function: type[Function], count: int, dims: Sequence[int | None], arguments: Sequence[Any]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """One call for each of `count` entries, where parameters are mapped and the batch cannot hold them."""
    pairs = list(zip(arguments, dims, strict=True))
    found = [function.apply(*(a if d is None else a.select(d, n) for a, d in pairs)) for n in range(count)]
    results = tuple(torch.stack(entries) for entries in zip(*found, strict=True))
    return results, (0,) * len(results)
