"""A constant added to each feature of a sequence in training, so that its level alone decides little.

What is the same at all steps is often of the recording and not of its class: a sensor that was mounted anew,
a microphone, a voice of another day. It is the additive noise of Sietsma and Dow 1991 (Neural Networks 4,
67-79) with one draw for a whole sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor


def offset(x: Tensor, deviations: Tensor, generator: torch.Generator) -> Tensor:
    """A copy of a batch in which each feature of each sequence is moved by one number, the same at all steps.

    x: (T, B, F) numbers. deviations: (F,), the standard deviations of the normal distributions of these
    numbers, in the units of x.
    """
    drawn = torch.randn(x.shape[1:], generator=generator)
    return x + drawn.to(x) * deviations.to(x)
