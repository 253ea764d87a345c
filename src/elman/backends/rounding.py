"""Products of bfloat16 in torch's operators: what the engine computes with `bf16`, in any dtype.

Both operands of a product, and in the backward pass the gradient that is one of them, are rounded to the
nearest bfloat16; the products are added in the tensors' own dtype.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def rounded(tensor: Tensor) -> Tensor:
    """The nearest bfloat16 of every element, in the tensor's own dtype; gradients pass as they are."""
    return _Forward.apply(tensor)


def rounded_back(tensor: Tensor) -> Tensor:
    """The tensor itself; its gradient is rounded on the way back."""
    return _Backward.apply(tensor)


class _Forward(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(tensor: Tensor) -> Tensor:
        return tensor.to(torch.bfloat16).to(tensor.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        return tangents[0].clone()


class _Backward(Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(tensor: Tensor) -> Tensor:
        return tensor.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return rounded(gradients[0])

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        return tangents[0].clone()
