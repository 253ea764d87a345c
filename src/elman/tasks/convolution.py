"""A convolution over time before the recurrent layers.

Dimensions: T steps, B sequences, F features, C filters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Module):
    """relu of a convolution over `width` steps, every `stride` steps; past a sequence's end it sees zeros.

    Outputs past a length are zero, so a sequence does not depend on its company.
    """

    def __init__(self, features: int, filters: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.filters = nn.Conv1d(features, filters, width, stride)
        self.features, self.width, self.stride = filters, width, stride

    def lengths(self, lengths: Tensor | None) -> Tensor | None:
        """The lengths of the outputs: one for every `stride` steps begun."""
        return None if lengths is None else -(-lengths // self.stride)

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(T, B, F) and lengths (B,) or None, to (T / stride, B, C) and their lengths."""
        if lengths is not None:
            x = x.masked_fill(_past(x, lengths), 0.0)
        padded = F.pad(x.permute(1, 2, 0), ((self.width - 1) // 2, self.width // 2))
        read, after = self.filters(padded).relu().permute(2, 0, 1), self.lengths(lengths)
        return (read if after is None else read.masked_fill(_past(read, after), 0.0)), after


def _past(x: Tensor, lengths: Tensor) -> Tensor:
    """(T, B, 1) bool: the steps past a length."""
    return (torch.arange(len(x), device=x.device)[:, None] >= lengths)[:, :, None]
