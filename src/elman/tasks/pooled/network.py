"""The network of the tasks that answer once for a whole sequence.

Dimensions: T steps, B sequences, F features, K outputs.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.errors import shown, wrong
from elman.tasks.convolution import Convolution
from elman.tasks.inputs import Inputs
from elman.tasks.network import Body
from elman.tasks.pooled.options import PooledOptions
from elman.tasks.pooled.pooling import HEADS, pool_named
from elman.tasks.truncated import truncated


class SequenceNetwork(nn.Module):
    """A body, pooling over time, dropout, a linear output."""

    def __init__(self, inputs: Inputs, cell: Cell, options: PooledOptions, outputs: int) -> None:
        super().__init__()
        front = None
        if options.convolution:
            front = partial(
                Convolution,
                filters=options.hidden_size,
                width=options.convolution,
                stride=options.stride,
            )
        self.body = Body(inputs, cell, options, front)
        self.pooling = options.pooling or "max"
        self.pool = pool_named(self.pooling, self.body.width)
        self.output_dropout = nn.Dropout(options.dropout or 0.0)
        self.output = nn.Linear(self.body.width, outputs)
        self.bptt = options.bptt

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(T, B, F) numbers or (T, B) tokens, lengths (B,) or None, to (B, K)."""
        head = HEADS[self.pooling]() if self.pooling in HEADS else None
        steps, state = truncated(self.body, x, lengths, self.bptt, head)
        first = state[0] if isinstance(state, tuple) else state
        ends = first[-(1 + self.body.recurrent.bidirectional) :]
        read = lengths if self.body.front is None else self.body.front.lengths(lengths)
        if head is not None and head.row is not None:
            whole = torch.full(x.shape[1:2], len(x), device=x.device) if read is None else read
            steps, read = head.joined(steps, whole)
        return self.output(self.output_dropout(self.pool(steps, ends, read)))


def check_network(options: PooledOptions) -> None:
    """Raise `ArgumentError` for options that do not go together."""
    if options.bptt is not None and options.bidirectional:
        raise wrong(
            "bptt",
            expected="one direction, since the other one begins at the end of a sequence",
            got=shown("bidirectional"),
            remedy="Add --no-bidirectional, or leave bptt out.",
        )
    if options.bptt is not None and options.convolution:
        raise wrong(
            "bptt",
            expected="no convolution, whose windows reach over the steps where the gradient ends",
            got=shown(f"convolution {options.convolution}"),
            remedy="Leave one of them out.",
        )
    if options.stride > 1 and not options.convolution:
        raise wrong("stride", expected="a convolution that takes it", got=shown("convolution 0"))
