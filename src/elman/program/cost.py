"""What a Program costs: parameters, floating-point operations, bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elman.errors import wrong
from elman.program.graph import instructions, products

if TYPE_CHECKING:
    from elman.program.program import Program


@dataclass(frozen=True)
class Cost:
    """Of one forward pass in float32.

    parameters: learned numbers. flops: a multiply-add counts 2. bytes: each array from or to memory once
    (x, parameters, projections of x written and read, states of all steps), as if caches held the rest.
    """

    parameters: int
    flops: int
    bytes: int


def cost(program: Program, batch: int, time: int, sizes: Mapping[str, int]) -> Cost:
    """See `Program.cost`."""
    for name, value in {"batch": batch, "time": time, **sizes}.items():
        if not isinstance(value, int) or value < 0:
            raise wrong(name, expected="a whole number of 0 or more", got=value)
    parameters = sum(math.prod(p.shape(sizes)) for p in program.parameters)
    streamed = sum(s.count * sizes[s.width] for s in program.streams if s.weight is not None)
    states = sum(sizes[s.width] for s in program.states)
    floats = parameters + batch * time * (sizes["I"] + 2 * streamed + states)
    return Cost(parameters, batch * time * step_flops(program, sizes), 4 * floats)


def step_flops(program: Program, sizes: Mapping[str, int]) -> int:
    """Floating-point operations of one step of one sequence, projections of x included."""
    projections = sum(
        2 * sizes["I"] // s.heads * s.count * sizes[s.width] for s in program.streams if s.weight is not None
    )
    inside = 0
    for product in products(program.graph):
        columns = sizes[product.operands[0].width] // product.heads
        inside += 2 * columns * product.count * sizes[product.outs[0].width]
    pointwise = sum(i.op.flops * sizes[i.out.width] for i in instructions(program.graph))
    return projections + inside + pointwise
