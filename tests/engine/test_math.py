"""Every vector instruction against numpy in a wider type: accuracy; IEEE results at the special values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest


class Format(NamedTuple):
    """One type of value: what it can hold, and the wider type that is exact beside it."""

    wider: type[np.floating]
    bits: type[np.unsignedinteger]
    digits: int  # bits of the significand
    least: int  # exponent (as frexp gives it) of the least normal number

    def special(self, dtype: type[np.floating]) -> np.ndarray:
        info = np.finfo(dtype)
        tiny, denormal = info.smallest_subnormal, info.tiny / 1024
        edges = [0.0, np.inf, tiny, denormal, info.max]
        return np.array([s * e for e in edges for s in (1, -1)] + [np.nan, info.tiny], dtype)


FORMATS = {
    np.float32: Format(np.float64, np.uint32, 24, -125),
    np.float64: Format(np.longdouble, np.uint64, 53, -1021),
}
wide_enough = np.finfo(np.longdouble).nmant >= 63  # else there is nothing to hold a double against

FUNCTIONS = {
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x))),
    "sin": np.sin,
    "cos": np.cos,
}

# in units of the last place
BOUNDS = {
    np.float32: {
        "sqrt": 0.51,
        "rsqrt": 1.5,
        "exp": 1.1,
        "log": 0.9,
        "log1p": 1.4,
        "tanh": 2.3,
        "sigmoid": 2.5,
        "sin": 1.6,
    },
    np.float64: {
        "sqrt": 0.51,
        "rsqrt": 1.5,
        "exp": 1.1,
        "log": 0.9,
        "log1p": 1.3,
        "tanh": 2.7,
        "sigmoid": 2.5,
        "sin": 0.9,
    },
}
for bounds in BOUNDS.values():
    bounds["cos"] = bounds["sin"]


def samples(dtype: type[np.floating]) -> np.ndarray:
    """Special values, bit patterns spread over all numbers, and dense samples where functions bend."""
    of = FORMATS[dtype]
    count = 2**20
    spread = np.arange(count, dtype=np.uint64) * (2 ** (of.bits().itemsize * 8) // count) + np.arange(
        0, 4099 * count, 4099, dtype=np.uint64
    )
    patterns = spread.astype(of.bits).view(dtype)
    rng = np.random.default_rng(3)
    dense = [rng.uniform(-s, s, 60_000) for s in (0.3, 1.0, 9.5, 20.0, 110.0, 750.0, 1e5, 1e6)]
    near_one = 1 + rng.uniform(-0.5, 0.5, 60_000)
    turns = np.arange(1, 60_000) * (np.pi / 2)
    others = [a.astype(dtype) for a in (*dense, near_one, turns)]
    return np.concatenate([of.special(dtype), patterns, *others])


def apply(engine, name: str, *operands: np.ndarray, numbers=(0.0, 0.0), accumulate=False) -> np.ndarray:
    width = len(operands[0])
    plan = engine.Plan()
    slots = [plan.add_buffer("sequence", width) for _ in operands]
    out = plan.add_buffer("sum" if accumulate else "sequence", width)
    used = [*range(len(operands)), -1, -1, -1][:3]
    row = (engine.opcodes()[name], len(operands), *used, *numbers)
    plan.add_vector(width, [(s, 0, 0) for s in [*slots, out]], 0, [row])
    result = np.full(width if accumulate else (1, 1, width), np.nan, operands[0].dtype)
    plan.run([*(o[None, None] for o in operands), result], [], 1, 1)
    return result.reshape(width)


def ulps(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distance in units of the last place of the exact result; infinite where only one is NaN or infinite, or
    where a zero has the wrong sign."""
    of = FORMATS[got.dtype.type]
    rounded = exact.astype(got.dtype)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    same &= (rounded != 0) | np.isnan(rounded) | (np.signbit(got) == np.signbit(rounded))
    finite = np.isfinite(got) & np.isfinite(rounded) & ((rounded != 0) | (got != 0))
    _, exponent = np.frexp(np.where(np.isfinite(exact), exact, of.wider(1)))
    unit = np.ldexp(of.wider(1), np.maximum(exponent, of.least) - of.digits)
    far = np.abs(np.where(finite, got, 0).astype(of.wider) - np.where(finite, exact, 0)) / unit
    return np.where(same & ~finite, 0.0, np.where(finite, far, np.inf)).astype(np.float64)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_within_its_bound_over_all_numbers(engine, dtype, name):
    if dtype is np.float64 and not wide_enough:
        pytest.skip("numpy has no type wider than double on this machine")
    x = samples(dtype)
    with np.errstate(all="ignore"):
        exact = FUNCTIONS[name](x.astype(FORMATS[dtype].wider))
        distance = ulps(apply(engine, name, x), exact)
    worst = int(np.argmax(distance))
    bound = BOUNDS[dtype][name]
    assert distance[worst] <= bound, f"{name}({x[worst]!r}): {distance[worst]} units from {exact[worst]!r}"


UNARY = {
    "copy": lambda x: x,
    "abs": np.abs,
    "sign": lambda x: np.where(x > 0, 1, np.where(x < 0, -1, 0)),
    "heaviside": lambda x: np.where(x > 0, 1, 0),
    "relu": lambda x: np.where(x <= 0, 0, x),
}
BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "tanh_grad": lambda a, b: a * (1 - b * b),
    "sigmoid_grad": lambda a, b: a * b * (1 - b),
}


def pairs(n: int, dtype: type[np.floating]) -> list[np.ndarray]:
    """n operands: every combination of the special values, then random ones."""
    rng = np.random.default_rng(n)
    grids = np.meshgrid(*[FORMATS[dtype].special(dtype)] * n, indexing="ij")
    return [np.concatenate([g.ravel(), rng.standard_normal(1003).astype(dtype)]) for g in grids]


def agree(got, expected):
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    close = 4 * np.finfo(got.dtype).eps
    np.testing.assert_allclose(np.where(same, 0, got), np.where(same, 0, expected), rtol=close, atol=close)


@pytest.mark.parametrize("name", UNARY)
def test_unary(engine, dtype, name):
    (x,) = pairs(1, dtype)
    np.testing.assert_array_equal(apply(engine, name, x), UNARY[name](x).astype(dtype))


@pytest.mark.parametrize("name", BINARY)
def test_binary(engine, dtype, name):
    a, b = pairs(2, dtype)
    finite = np.isfinite(a) & np.isfinite(b) & (np.abs(a) < 1e30) & (np.abs(b) < 1e30)
    if name.endswith("_grad"):  # products of infinities depend on the order of the factors
        a, b = a[finite], b[finite]
    with np.errstate(all="ignore"):
        agree(apply(engine, name, a, b), BINARY[name](a, b).astype(dtype))


def test_mul_add_select_affine_constant_accumulate(engine, dtype):
    a, b, c = (x[-1003:] for x in pairs(3, dtype))
    agree(apply(engine, "mul_add", a, b, c), a * b + c)
    agree(apply(engine, "affine", a, numbers=(-1.5, 0.25)), -1.5 * a + 0.25)
    agree(apply(engine, "accumulate", a, accumulate=True), a)
    a[:2] = np.nan, -0.0
    np.testing.assert_array_equal(apply(engine, "constant", a, numbers=(9.0, 0.25)), np.full_like(a, 0.25))
    np.testing.assert_array_equal(apply(engine, "select", a, b, c), np.where(a > 0, b, c))


def test_every_opcode_is_tested(raw_engine):
    tested = {*FUNCTIONS, *UNARY, *BINARY, "mul_add", "affine", "constant", "select", "accumulate"}
    tested.add("mean")  # in test_run.py
    assert tested == set(raw_engine.opcodes())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_lane_gives_the_same_bits_in_a_tail(engine, dtype, name):
    x = np.abs(np.random.default_rng(5).standard_normal(64).astype(dtype)) + 0.1
    whole = apply(engine, name, x)
    for start in range(33):
        np.testing.assert_array_equal(
            apply(engine, name, x[start : start + 7].copy()), whole[start : start + 7]
        )
