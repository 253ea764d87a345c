"""Symbols: what a cell's `step` computes with while it is traced, and the functions it may call on them."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from typing import Any, NoReturn

from elman.errors import CellError
from elman.program.graph import Graph, Value
from elman.program.instructions import lookup

_OURS = {str(Path(__file__).parent), str(Path(__file__).parent.parent / "cells" / "cell.py")}


def fail(problem: str, remedy: str, cause: BaseException | None = None) -> NoReturn:
    """Raise a `CellError` that names the line of the cell that is being traced."""
    raise CellError(f"{problem}\n  {_where(cause)}\n{remedy}") from cause


def _where(cause: BaseException | None) -> str:
    """File, line and source text of the user's statement."""
    if cause is not None and cause.__traceback__ is not None:
        trace = cause.__traceback__
        while trace.tb_next is not None:
            trace = trace.tb_next
        frame, line = trace.tb_frame, trace.tb_lineno
    else:
        frame = sys._getframe(1)
        while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
            frame = frame.f_back
        line = frame.f_lineno
    name = frame.f_code.co_filename
    text = linecache.getline(name, line).strip()
    return f"{name}:{line}, in {frame.f_code.co_name}: {text}"


def _is_ours(filename: str) -> bool:
    return filename in _OURS or str(Path(filename).parent) in _OURS


class Symbol:
    """A vector of features at one time step, of which only the width is known.

    Supports `+ - * /` with symbols and numbers, unary minus, small integer powers, and the functions of
    `elman.cells`. Anything else raises `CellError` with the line and the remedy.
    """

    __slots__ = ("graph", "value")
    __array_ufunc__: Any = None  # set below: numpy's functions get our error
    __hash__ = object.__hash__

    def __init__(self, graph: Graph, value: Value) -> None:
        self.graph = graph
        self.value = value

    def __repr__(self) -> str:
        return f"Symbol({self.value.name or '?'}, width {self.value.width})"

    def __add__(self, other: Symbol | float) -> Symbol:
        return binary("add", self, other) if isinstance(other, Symbol) else affine(self, 1.0, number(other))

    def __sub__(self, other: Symbol | float) -> Symbol:
        return binary("sub", self, other) if isinstance(other, Symbol) else affine(self, 1.0, -number(other))

    def __mul__(self, other: Symbol | float) -> Symbol:
        return binary("mul", self, other) if isinstance(other, Symbol) else affine(self, number(other), 0.0)

    def __truediv__(self, other: Symbol | float) -> Symbol:
        if isinstance(other, Symbol):
            return binary("div", self, other)
        if number(other) == 0.0:
            fail("A symbol is divided by zero.", "Divide by a number other than 0.")
        return affine(self, 1.0 / number(other), 0.0)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: float) -> Symbol:
        return affine(self, -1.0, number(other))

    def __rtruediv__(self, other: float) -> Symbol:
        return binary("div", constant(self, number(other)), self)

    def __neg__(self) -> Symbol:
        return affine(self, -1.0, 0.0)

    def __pow__(self, exponent: int) -> Symbol:
        if not isinstance(exponent, int) or isinstance(exponent, bool) or not 1 <= exponent <= 8:
            fail(
                f"A symbol is raised to the power {exponent!r}.",
                "Powers are whole numbers from 1 to 8; write exp(p * log(x)) for others.",
            )
        result = self
        for _ in range(exponent - 1):
            result = result * self
        return result

    def _no_control_flow(self, *_: object) -> NoReturn:
        fail(
            "A symbol has no value while the cell is traced, so `if`, `while`, comparisons, `len` and loops "
            "over its features cannot be used on it.",
            "Write select(a, b, c) for 'b where a > 0, else c', or maximum and minimum; `if` on the cell's "
            "own options is fine.",
        )

    __bool__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _no_control_flow
    __len__ = __iter__ = __getitem__ = __contains__ = _no_control_flow  # type: ignore[assignment]

    def _unknown_function(self, *_: object, **__: object) -> NoReturn:
        fail(
            "A function that the Program does not know was called on a symbol.",
            f"Functions for cells, all in elman.cells: {', '.join(FUNCTIONS)}.",
        )

    __float__ = __int__ = __index__ = __complex__ = __matmul__ = __rmatmul__ = __array__ = _unknown_function

    @classmethod
    def __torch_function__(cls, *_: object, **__: object) -> NoReturn:
        cls._unknown_function(cls)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # copy, pickle and the like look these up: not the user's doing
            raise AttributeError(name)
        fail(
            f"A symbol has no attribute {name!r}.",
            f"Write it with a function of elman.cells: {', '.join(FUNCTIONS)}.",
        )


Symbol.__array_ufunc__ = Symbol._unknown_function


def number(value: object) -> float:
    """A plain number from the cell's code, as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        fail(
            f"A symbol is combined with {type(value).__name__} {value!r}.",
            "Use plain numbers, symbols, or a parameter from self.vector(...) or self.project(...).",
        )
    return float(value)


def apply(name: str, *operands: Symbol, immediates: tuple[float, ...] = ()) -> Symbol:
    """Append one instruction of the table to the operands' Graph."""
    for operand in operands:
        if not isinstance(operand, Symbol):
            fail(
                f"{name}: expected a symbol, got {type(operand).__name__}.",
                "Apply it to x, a state, or something computed from them.",
            )
    widths = {operand.value.width for operand in operands}
    if len(widths) > 1:
        fail(
            f"{name}: the operands have different widths, {' and '.join(o.value.width for o in operands)} "
            "(I: input, H: hidden, P: projected).",
            'Bring one to the width of the other with self.project(value, "name", width="…").',
        )
    graph = operands[0].graph
    return Symbol(graph, graph.emit(lookup(name), tuple(o.value for o in operands), immediates))


def binary(name: str, a: Symbol, b: Symbol) -> Symbol:
    """An instruction with two operands."""
    return apply(name, a, b)


def affine(a: Symbol, alpha: float, beta: float) -> Symbol:
    """alpha · a + beta with two numbers; chains of them fold into one."""
    node = a.graph.nodes[-1] if a.graph.nodes else None
    if (
        node is not None
        and getattr(node, "out", None) is a.value
        and getattr(node, "op", None) is lookup("affine")
    ):
        inner_alpha, inner_beta = node.immediates  # type: ignore[union-attr]
        inner = Symbol(a.graph, node.operands[0])
        return apply("affine", inner, immediates=(alpha * inner_alpha, alpha * inner_beta + beta))
    return apply("affine", a, immediates=(alpha, beta))


def constant(like: Symbol, beta: float) -> Symbol:
    """The number beta in every feature, as wide as `like`."""
    return apply("constant", like, immediates=(beta,))


class Symbolic:
    """The namespace `m` of the instruction table, on symbols."""

    affine = staticmethod(affine)
    constant = staticmethod(constant)

    def __getattr__(self, name: str) -> Any:
        return lambda *operands: apply(name, *operands)


# Names that a cell may call; functions.py defines them and fills this in.
FUNCTIONS: list[str] = []
