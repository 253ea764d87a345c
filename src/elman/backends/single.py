"""The single reader: one step of a Program for one sequence, in NumPy, on the CPU.

At one sequence a step is mostly what is called around its arithmetic. A call of NumPy costs a fraction of one
of torch, and a product of a matrix with a vector needs no packed weights, which the engine would pack for
each call anew. No gradients, no checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from elman.backends.given import stream_rows
from elman.backends.reference import product_rows
from elman.program import Program
from elman.program.graph import Instruction, Product, Value

Slots = list[Any]  # every value of a step, each in a place of its own


class NumpyMath:
    """The namespace `m` of the instruction table, on arrays; the rest are NumPy's functions."""

    @staticmethod
    def sigmoid(a: np.ndarray) -> np.ndarray:
        return 0.5 * np.tanh(0.5 * a) + 0.5

    @staticmethod
    def relu(a: np.ndarray) -> np.ndarray:
        return np.maximum(a, 0)

    @staticmethod
    def rsqrt(a: np.ndarray) -> np.ndarray:
        return 1 / np.sqrt(a)

    @staticmethod
    def heaviside(a: np.ndarray) -> np.ndarray:
        return (a > 0).astype(a.dtype)

    @staticmethod
    def select(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return np.where(a > 0, b, c)

    @staticmethod
    def constant(a: np.ndarray, beta: float) -> np.ndarray:
        return np.full_like(a, beta)

    @staticmethod
    def mean(a: np.ndarray) -> np.ndarray:
        return np.full_like(a, a.mean())

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


_MATH = NumpyMath()


class SingleStep:
    """A Program with its parameters, by name, and its masks (W,), as a function of one step.

    Weights are those at the time of making; parameters on another device are copied.
    """

    def __init__(
        self, program: Program, parameters: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None = None
    ) -> None:
        self._places: dict[Value, int] = {}
        self._steps: list[Callable[[Slots], None]] = []
        fixed: dict[int, np.ndarray] = {}
        for source, value in program.graph.inputs.items():
            if source.kind == "vector":
                blocks = parameters[source.name].chunk(program.parameter(source.name).gates)
                fixed[self._place(value)] = _array(blocks[source.gate])
            elif source.kind == "mask":
                fixed[self._place(value)] = _array((masks or {})[source.name])
        self._x = len(self._places)
        self._places[Value("I")] = self._x
        for stream, values in zip(program.streams, program.stream_values, strict=True):
            if stream.weight is None:
                self._places[values[0]] = self._x
                continue
            weight = parameters[stream.weight]
            rows = stream_rows(program, stream, weight)
            bias = None if stream.bias is None else parameters[stream.bias][rows]
            self._project(self._x, weight[rows], bias, values, stream.heads)
        self._before = [None if v is None else self._place(v) for v, _ in program.state_values]
        for node in program.graph.nodes:
            if isinstance(node, Product):
                weight, bias = product_rows(program, node, parameters)
                self._project(self._place(node.operands[0]), weight, bias, node.outs, node.heads)
            else:
                self._steps.append(self._instruction(node))
        self._after = [self._place(value) for _, value in program.state_values]
        self._start: Slots = [fixed.get(place) for place in range(1 + max(self._places.values()))]

    def __call__(self, x: np.ndarray, states: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The states (W,) after the step, of x (I,) and the states before; the first is the output."""
        slots = self._start.copy()
        slots[self._x] = x
        for place, state in zip(self._before, states, strict=True):
            if place is not None:
                slots[place] = state
        for step in self._steps:
            step(slots)
        return [slots[place] for place in self._after]

    def _place(self, value: Value) -> int:
        return self._places.setdefault(value, len(self._places))

    def _project(
        self, read: int, weight: Tensor, bias: Tensor | None, outs: Sequence[Value], heads: int
    ) -> None:
        """The product of a value with `weight`, a block of rows for each of `outs`."""
        product, width = _product(weight, len(outs), heads), len(weight) // len(outs)
        offset = None if bias is None else _array(bias)
        places = [(self._place(out), slice(k * width, (k + 1) * width)) for k, out in enumerate(outs)]

        def step(slots: Slots) -> None:
            result = product(slots[read])
            if offset is not None:
                result += offset
            for place, block in places:
                slots[place] = result[block]

        self._steps.append(step)

    def _instruction(self, node: Instruction) -> Callable[[Slots], None]:
        operands, out = [self._place(v) for v in node.operands], self._place(node.out)
        arithmetic, immediates = node.op.arithmetic, node.immediates

        def step(slots: Slots) -> None:
            slots[out] = arithmetic(_MATH, *[slots[place] for place in operands], *immediates)

        return step


def _product(weight: Tensor, gates: int, heads: int) -> Callable[[np.ndarray], np.ndarray]:
    if heads == 1:
        columns = as_columns(weight)
        return lambda operand: columns @ operand
    blocks = _array(weight).reshape(gates, heads, -1, weight.shape[1])
    return lambda operand: (blocks @ operand.reshape(heads, -1, 1)).ravel()


def as_columns(weight: Tensor) -> np.ndarray:
    """A copy (R, C) laid out column by column, in which BLAS is fastest with a vector."""
    return np.asfortranarray(weight.detach().cpu().numpy().copy())


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()
