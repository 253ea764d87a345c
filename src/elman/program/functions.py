"""The functions that a cell's equations may use, and the activations that options may name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from elman.errors import unknown
from elman.program.symbols import FUNCTIONS, Symbol, affine, apply, constant, fail


def tanh(x: Symbol) -> Symbol:
    """Hyperbolic tangent."""
    return apply("tanh", x)


def sigmoid(x: Symbol) -> Symbol:
    """Logistic function 1 / (1 + e^-x)."""
    return apply("sigmoid", x)


def relu(x: Symbol) -> Symbol:
    """max(x, 0)."""
    return apply("relu", x)


def exp(x: Symbol) -> Symbol:
    """e^x."""
    return apply("exp", x)


def log(x: Symbol) -> Symbol:
    """Natural logarithm."""
    return apply("log", x)


def log1p(x: Symbol) -> Symbol:
    """log(1 + x), exact for small x."""
    return apply("log1p", x)


def sqrt(x: Symbol) -> Symbol:
    """Square root."""
    return apply("sqrt", x)


def sin(x: Symbol) -> Symbol:
    """Sine, x in radians."""
    return apply("sin", x)


def cos(x: Symbol) -> Symbol:
    """Cosine, x in radians."""
    return apply("cos", x)


def absolute(x: Symbol) -> Symbol:
    """|x|."""
    return apply("abs", x)


def sign(x: Symbol) -> Symbol:
    """-1, 0 or 1; its gradient is 0."""
    return apply("sign", x)


def rsqrt(x: Symbol) -> Symbol:
    """1 / √x."""
    return apply("rsqrt", x)


def mean(x: Symbol) -> Symbol:
    """The mean over all features of the row, in every feature."""
    return apply("mean", x)


def maximum(a: Symbol, b: Symbol) -> Symbol:
    """The larger of two, feature by feature; where both are equal, the gradient goes to b."""
    return apply("maximum", a, b)


def minimum(a: Symbol, b: Symbol) -> Symbol:
    """The smaller of two, feature by feature; where both are equal, the gradient goes to b."""
    return apply("minimum", a, b)


def select(a: Symbol, b: Symbol, c: Symbol) -> Symbol:
    """b where a > 0, c elsewhere; no gradient flows to a."""
    return apply("select", a, b, c)


def identity(x: Symbol) -> Symbol:
    """x itself: a linear cell."""
    return x


def softplus(x: Symbol) -> Symbol:
    """log(1 + e^x), without overflow."""
    size = absolute(x)
    return 0.5 * (x + size) + log1p(exp(-size))  # relu(x) written so that the slope at 0 is a half


def silu(x: Symbol) -> Symbol:
    """x · sigmoid(x), also called swish (arXiv:1702.03118)."""
    return x * sigmoid(x)


def gelu(x: Symbol) -> Symbol:
    """The tanh form of the Gaussian error linear unit (arXiv:1606.08415)."""
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def elu(x: Symbol) -> Symbol:
    """x where x > 0, e^x - 1 elsewhere (arXiv:1511.07289)."""
    negative = select(x, constant(x, 0.0), x)  # at 0 it is x, whose slope there is the function's
    return select(x, x, exp(negative) - 1)


def leaky_relu(x: Symbol) -> Symbol:
    """x where x > 0, 0.01 x elsewhere."""
    return select(x, x, 0.01 * x)


def softsign(x: Symbol) -> Symbol:
    """x / (1 + |x|)."""
    return x / (1 + absolute(x))


def hard_tanh(x: Symbol) -> Symbol:
    """x limited to [-1, 1]."""
    return minimum(maximum(x, constant(x, -1.0)), constant(x, 1.0))


def hard_sigmoid(x: Symbol) -> Symbol:
    """x / 6 + 1/2 limited to [0, 1], as in torch."""
    bounded = affine(x, 1 / 6, 0.5)
    return minimum(maximum(bounded, constant(x, 0.0)), constant(x, 1.0))


def layer_norm(
    *values: Symbol,
    scale: Symbol | Sequence[Symbol] | None = None,
    shift: Symbol | Sequence[Symbol] | None = None,
    eps: float = 1e-5,
) -> Any:
    """scale · (v - μ) / √(σ² + eps) + shift, Ba et al. 2016 (arXiv:1607.06450), equation 4.

    Args:
        values: one or several of one width; μ and σ² are taken over the features of all of them together, as
            for the gates of one product.
        scale, shift: per-feature parameters, one for each value (see `Cell.vector`); None: 1 and 0.
        eps: keeps rows of one value finite, above 0.

    Returns:
        One symbol, or a tuple of as many as there are values.
    """
    scales, shifts = _one_each("scale", scale, len(values)), _one_each("shift", shift, len(values))
    average = mean(_added(values) / len(values))
    centred = [v - average for v in values]
    inverse = rsqrt(mean(_added([c * c for c in centred]) / len(values)) + eps)
    normal = [c * inverse for c in centred]
    scaled = [n if s is None else n * s for n, s in zip(normal, scales, strict=True)]
    shifted = tuple(n if s is None else n + s for n, s in zip(scaled, shifts, strict=True))
    return shifted[0] if len(shifted) == 1 else shifted


def _added(values: Sequence[Symbol]) -> Symbol:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _one_each(name: str, given: Symbol | Sequence[Symbol] | None, count: int) -> Sequence[Symbol | None]:
    found = [given] * count if given is None else [given] if isinstance(given, Symbol) else list(given)
    if count == 0 or len(found) != count:
        fail(
            f"layer_norm: {count} value(s) with {len(found)} of {name}.",
            "Give the values, and scale and shift for each of them, such as self.vector(name, gates=…).",
        )
    return found


_ALL = (tanh, sigmoid, relu, exp, log, log1p, sqrt, rsqrt, sin, cos, absolute, sign, maximum, minimum, select)
_COMPOSED = (identity, softplus, silu, gelu, elu, leaky_relu, softsign, hard_tanh, hard_sigmoid)
_ROWS = (mean, layer_norm)
FUNCTIONS.extend(f.__name__ for f in _ALL + _COMPOSED + _ROWS)

ACTIVATIONS: dict[str, Callable[[Symbol], Symbol]] = {
    f.__name__: f for f in (tanh, sigmoid, relu, sin, cos, *_COMPOSED)
}


def activation(name: str) -> Callable[[Symbol], Symbol]:
    """The activation of that name; raises `ArgumentError` listing all of them otherwise."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
