"""The one table of vector instructions: arithmetic, adjoint, LaTeX and cost of each.

Every entry is written over a namespace `m` that supplies the instructions themselves (`m.tanh(a)`) on
whatever the operands are: torch tensors in the reference reader, symbols where an adjoint is derived. `y` is
the result of the instruction and `g` the gradient that arrives at it. The engine implements the same names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elman.errors import unknown


@dataclass(frozen=True)
class Op:
    """One instruction: elementwise, but for `mean`, whose every lane is the mean over its operand's row.

    `adjoint(m, g, y, *operands)` returns the gradient of each operand (None: no gradient flows there).
    `infix` prints the instruction in a listing, `latex` in an equation; `{0}`, `{1}` … are the operands.
    `precedence` says how tightly the printed form binds: 1 sums, 2 products, 3 signs, 4 calls.
    `flops` is the customary count for one element. `cheap` results are computed again in the backward pass
    rather than stored.
    """

    name: str
    arity: int
    arithmetic: Callable[..., Any]
    adjoint: Callable[..., tuple[Any, ...]]
    infix: str
    latex: str
    precedence: int = 4
    flops: int = 1
    cheap: bool = False


def _function(name: str, arity: int = 1) -> dict[str, Any]:
    """The fields of an instruction that is written as a call, such as `tanh(a)`."""
    slots = ", ".join(f"{{{i}}}" for i in range(arity))
    return {
        "name": name,
        "arity": arity,
        "arithmetic": lambda m, *operands: getattr(m, name)(*operands),
        "infix": f"{name}({slots})",
        "latex": rf"\operatorname{{{{{name}}}}}\!\left({slots}\right)".replace("_", r"\_"),
    }


_TABLE = (
    Op("copy", 1, lambda m, a: a, lambda m, g, y, a: (g,), "{0}", "{0}", 4, 0, cheap=True),
    Op(
        "add", 2, lambda m, a, b: a + b, lambda m, g, y, a, b: (g, g), "{0} + {1}", "{0} + {1}", 1, cheap=True
    ),
    Op(
        "sub",
        2,
        lambda m, a, b: a - b,
        lambda m, g, y, a, b: (g, -g),
        "{0} - {1}",
        "{0} - {1}",
        1,
        cheap=True,
    ),
    Op(
        "mul",
        2,
        lambda m, a, b: a * b,
        lambda m, g, y, a, b: (g * b, g * a) if a is not b else (m.affine(g, 2.0, 0.0) * a, None),
        "{0} * {1}",
        r"{0} \odot {1}",
        2,
        cheap=True,
    ),
    Op(
        "mul_add",  # a * b + c, rounded once where the machine can; plans make it of `mul` and `add`
        3,
        lambda m, a, b, c: a * b + c,
        lambda m, g, y, a, b, c: (g * b, g * a, g),
        "{0} * {1} + {2}",
        r"{0} \odot {1} + {2}",
        1,
        2,
        cheap=True,
    ),
    Op(
        "div",
        2,
        lambda m, a, b: a / b,
        lambda m, g, y, a, b: (g / b, -(g / b) * y),
        "{0} / {1}",
        r"{0} \oslash {1}",
        2,
    ),
    Op(
        "affine",  # alpha * a + beta, with two numbers
        1,
        lambda m, a, alpha, beta: alpha * a + beta,
        lambda m, g, y, a, alpha, beta: (m.affine(g, alpha, 0.0),),
        "",  # printed by the listing: the form depends on the numbers
        "",
        1,
        2,
        cheap=True,
    ),
    Op(
        **_function("maximum", 2),
        adjoint=lambda m, g, y, a, b: (
            m.select(a - b, g, m.constant(g, 0.0)),
            m.select(a - b, m.constant(g, 0.0), g),
        ),
    ),
    Op(
        **_function("minimum", 2),
        adjoint=lambda m, g, y, a, b: (
            m.select(b - a, g, m.constant(g, 0.0)),
            m.select(b - a, m.constant(g, 0.0), g),
        ),
    ),
    Op(**_function("abs"), adjoint=lambda m, g, y, a: (g * m.sign(a),)),
    Op(**_function("sign"), adjoint=lambda m, g, y, a: (None,)),
    Op(**_function("heaviside"), adjoint=lambda m, g, y, a: (None,)),
    Op(
        **_function("select", 3),  # b where a > 0, c elsewhere
        adjoint=lambda m, g, y, a, b, c: (
            None,
            m.select(a, g, m.constant(g, 0.0)),
            m.select(a, m.constant(g, 0.0), g),
        ),
    ),
    Op(**_function("sqrt"), adjoint=lambda m, g, y, a: (m.affine(g / y, 0.5, 0.0),), flops=4),
    Op(
        **{**_function("rsqrt"), "latex": r"{0}^{{-1/2}}"},
        adjoint=lambda m, g, y, a: (m.affine(g * y * y * y, -0.5, 0.0),),
        flops=4,
    ),
    Op(**_function("mean"), adjoint=lambda m, g, y, a: (m.mean(g),), cheap=True),
    Op(**_function("exp"), adjoint=lambda m, g, y, a: (g * y,), flops=8),
    Op(**_function("log"), adjoint=lambda m, g, y, a: (g / a,), flops=8),
    Op(**_function("log1p"), adjoint=lambda m, g, y, a: (g / m.affine(a, 1.0, 1.0),), flops=8),
    Op(
        **{**_function("tanh"), "latex": r"\tanh\!\left({0}\right)"},
        adjoint=lambda m, g, y, a: (m.tanh_grad(g, y),),
        flops=8,
    ),
    Op(
        **{**_function("sigmoid"), "latex": r"\sigma\!\left({0}\right)"},
        adjoint=lambda m, g, y, a: (m.sigmoid_grad(g, y),),
        flops=8,
    ),
    Op(**_function("relu"), adjoint=lambda m, g, y, a: (g * m.heaviside(y),)),
    Op(**_function("sin"), adjoint=lambda m, g, y, a: (g * m.cos(a),), flops=8),
    Op(**_function("cos"), adjoint=lambda m, g, y, a: (-(g * m.sin(a)),), flops=8),
    Op(
        "tanh_grad",  # g (1 - y²): the adjoint of tanh in terms of its result
        2,
        lambda m, a, b: a * (1 - b * b),
        lambda m, g, y, a, b: (m.tanh_grad(g, b), m.affine(g * a * b, -2.0, 0.0)),
        "{0} * (1 - {1}²)",
        r"{0} \odot \left(1 - {1}^2\right)",
        2,
        3,
    ),
    Op(
        "sigmoid_grad",  # g y (1 - y): the adjoint of the logistic function in terms of its result
        2,
        lambda m, a, b: a * b * (1 - b),
        lambda m, g, y, a, b: (m.sigmoid_grad(g, b), g * a * m.affine(b, -2.0, 1.0)),
        "{0} * {1} * (1 - {1})",
        r"{0} \odot {1} \odot \left(1 - {1}\right)",
        2,
        3,
    ),
    Op(
        "constant",  # beta in every lane; the operand only says of which width
        1,
        lambda m, a, beta: m.constant(a, beta),
        lambda m, g, y, a, beta: (None,),
        "",
        "",
        4,
        0,
        cheap=True,
    ),
)

OPS: dict[str, Op] = {op.name: op for op in _TABLE}


def lookup(name: str) -> Op:
    """The table's entry of that name; raises `ArgumentError` with the valid names otherwise."""
    if name not in OPS:
        raise unknown("instruction", name, OPS)
    return OPS[name]
