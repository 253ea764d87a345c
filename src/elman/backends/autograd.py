"""The engine's passes under autograd, outside of torch.compile: first gradients by the engine, also under
`torch.func` and `torch.vmap`; gradients of gradients through the reference reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from elman.backends import mapped, reference
from elman.backends.blocks import engine_backward, engine_forward
from elman.backends.given import Form, Given
from elman.backends.tensors import Compiled

Tensors = Sequence[Tensor | None]


def transformed() -> bool:
    """Whether a transform of `torch.func` is active: what it wraps may not say that it needs gradients."""
    return torch._C._are_functorch_transforms_active()


class Recurrence(Function):
    """The forward pass with all that is kept: of `Given.tensors`, results as `Results.flat`."""

    @staticmethod
    def forward(plans: Compiled, form: Form, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        return tuple(engine_forward(plans, plans.given(tensors, form)).flat(plans))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
        plans, ctx.form, *tensors = inputs
        ctx.plans = plans
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *output)
        ctx.mark_non_differentiable(*output[plans.outputs :])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        plans: Compiled = ctx.plans
        found = _gradients(
            plans, ctx.form, ctx.needs_input_grad[2], gradients[: plans.outputs], ctx.saved_tensors
        )
        return None, None, *found, *[None] * (plans.inputs - plans.leaves)

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        plans, form, *tensors = arguments
        axes = mapped.axes_given(plans, tensors, in_dims[2:])
        if not mapped.foldable(axes, in_dims[2:]):
            return mapped.each(Recurrence, info.batch_size, in_dims, arguments)
        folded = mapped.fold(tensors, axes, in_dims[2:], info.batch_size)
        results = Recurrence.apply(plans, form, *folded)
        return mapped.unfold(results, mapped.axes_kept(plans, results), info.batch_size)


class Direct(Function):
    """`Recurrence` where no transform of `torch.func` is active: what those ask of a Function costs as much
    as a small run. Of `given` and its tensors; results are those that are handed out."""

    @staticmethod
    def forward(ctx: Any, plans: Compiled, given: Given, *tensors: Tensor | None) -> tuple[Tensor, ...]:
        results = engine_forward(plans, given).flat(plans)
        ctx.plans, ctx.form = plans, given.form
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *results)
        return tuple(results[: plans.outputs])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        plans: Compiled = ctx.plans
        found = _gradients(plans, ctx.form, ctx.needs_input_grad[2], gradients, ctx.saved_tensors)
        return None, None, *found, *[None] * (plans.inputs - plans.leaves)


def _gradients(plans: Compiled, form: Form, with_x: bool, wanted: Tensors, saved: Tensors) -> Tensors:
    """The gradients of the leaves among `saved`, which are the tensors given and then what was kept."""
    if not (torch.is_grad_enabled() or transformed()):
        given, kept = plans.split(saved, form.low)
        return engine_backward(plans, plans.given(given, form), kept, wanted, with_x)
    found = iter(Gradients.apply(plans, form, with_x, 0, *wanted, *saved))
    return [next(found) if there else None for there in _present(plans, saved, with_x)]


def _present(plans: Compiled, saved: Tensors, with_x: bool) -> Iterator[bool]:
    """For each leaf, whether its gradient is computed."""
    return (t is not None and (number > 0 or with_x) for number, t in enumerate(saved[: plans.leaves]))


class Gradients(Function):
    """The backward pass of the gradients wanted, the tensors given and what was kept; results are those
    gradients of leaves that are there.

    samples: 0, or into how many runs of neighbouring sequences the batch is cut; gradients of parameters then
    have a first dimension more, one entry for each.
    """

    @staticmethod
    def forward(
        plans: Compiled, form: Form, with_x: bool, samples: int, *tensors: Tensor | None
    ) -> tuple[Tensor, ...]:
        wanted, saved = tensors[: plans.outputs], tensors[plans.outputs :]
        given, kept = plans.split(saved, form.low)
        found = engine_backward(plans, plans.given(given, form), kept, wanted, with_x, samples)
        return tuple(gradient for gradient in found if gradient is not None)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
        ctx.plans, ctx.form, ctx.with_x, ctx.samples, *tensors = inputs
        ctx.save_for_backward(*tensors[: ctx.plans.outputs + ctx.plans.inputs])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        plans: Compiled = ctx.plans
        tensors = ctx.saved_tensors
        pure = _Pure(plans, ctx.form, ctx.with_x, tensors)
        function = pure.gradients if ctx.samples == 0 else pure.of_samples(ctx.samples)
        found = iter(_pulled(function, pure.values, gradients))
        given = [next(found) if t is not None else None for t in tensors[: plans.outputs + plans.leaves]]
        return None, None, None, None, *given, *[None] * (len(ctx.needs_input_grad) - 4 - len(given))

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *arguments: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        plans, form, with_x, samples, *tensors = arguments
        count, dims = info.batch_size, in_dims[4:]
        axes = mapped.axes_backward(plans, tensors, dims)
        if not mapped.foldable(axes, dims):
            return mapped.each(Gradients, count, in_dims, arguments)
        folded = mapped.fold(tensors, axes, dims, count)
        found = Gradients.apply(plans, form, with_x, count * max(samples, 1), *folded)
        leaves = tensors[plans.outputs : plans.outputs + plans.leaves]
        there = [n for n, present in enumerate(_present(plans, leaves, with_x)) if present]
        parameters = 0 if samples else None  # their gradients have samples in front
        kinds = [axes[plans.outputs + n] for n in there]
        return mapped.unfold(found, [parameters if kind is None else kind for kind in kinds], count)


def _pulled(function: Any, values: Tensors, gradients: Tensors) -> tuple[Tensor, ...]:
    """The gradients of `values` from those of `function(*values)`; differentiable in its turn."""
    pull: Any = torch.func.vjp(function, *values)[1]
    return pull(tuple(gradients))


class _Pure:
    """First gradients as a function of tensors alone, through the reference reader.

    values: what it is differentiated by: gradients wanted and leaves, those that are there.
    """

    def __init__(self, plans: Compiled, form: Form, with_x: bool, tensors: Tensors) -> None:
        self.plans = plans
        self.form = form
        self.with_x = with_x
        self.tensors = tensors
        self.places = [n for n, t in enumerate(tensors[: plans.outputs + plans.leaves]) if t is not None]
        self.values = [t for t in tensors[: plans.outputs + plans.leaves] if t is not None]

    def gradients(self, *values: Tensor) -> tuple[Tensor, ...]:
        """The gradients of the leaves that are there."""
        return self._gradients(self._filled(values))

    def of_samples(self, samples: int) -> Any:
        """`gradients` of a batch cut into samples."""
        axes = mapped.axes_backward(self.plans, self.tensors, [None] * len(self.tensors))

        def gradients(*values: Tensor) -> tuple[Tensor, ...]:
            cut, dims = mapped.cut(self._filled(values), axes, samples)

            def one(*tensors: Any) -> tuple[Tensor, ...]:
                return self._gradients(tensors)

            found: Any = torch.func.vmap(one, in_dims=dims)(*cut)
            leaves = axes[self.plans.outputs :]
            there = _present(self.plans, self.tensors[self.plans.outputs :], self.with_x)
            kept = [axis for axis, present in zip(leaves, there, strict=False) if present]
            return tuple(mapped.join(g, axis) for g, axis in zip(found, kept, strict=True))

        return gradients

    def _filled(self, values: Sequence[Tensor]) -> list[Tensor | None]:
        tensors = list(self.tensors)
        for place, value in zip(self.places, values, strict=True):
            tensors[place] = value
        return tensors

    def _gradients(self, tensors: Tensors) -> tuple[Tensor, ...]:
        plans, given = self.plans, list(tensors[self.plans.outputs :])
        wanted = [n for n, gradient in enumerate(tensors[: plans.outputs]) if gradient is not None]
        leaves = [n for n, leaf in enumerate(given[: plans.leaves]) if leaf is not None]

        def outputs(*values: Tensor) -> tuple[Tensor, ...]:
            for leaf, value in zip(leaves, values, strict=True):
                given[leaf] = value
            sequences, finals = reference.run(plans.program, plans.given(given, self.form))
            return tuple((*sequences, *finals)[n] for n in wanted)

        found = _pulled(outputs, [given[leaf] for leaf in leaves], [tensors[n] for n in wanted])
        return found if self.with_x else found[1:]
