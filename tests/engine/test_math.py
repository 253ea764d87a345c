"""Every vector instruction against numpy in float64: accuracy, and IEEE results at the special values."""

from __future__ import annotations

import numpy as np
import pytest

SPECIAL = np.array(
    [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        1e-45,
        -1e-45,
        1e-39,
        -1e-39,
        1.1754944e-38,
        3.4028235e38,
        -3.4028235e38,
    ],
    np.float32,
)

# instruction -> (reference, bound in units of the last place)
FUNCTIONS = {
    "sqrt": (np.sqrt, 0.51),
    "exp": (np.exp, 1.1),
    "log": (np.log, 0.9),
    "log1p": (np.log1p, 1.4),
    "tanh": (np.tanh, 2.3),
    "sigmoid": (lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x))), 2.5),
    "sin": (np.sin, 1.6),
    "cos": (np.cos, 1.6),
}


def floats() -> np.ndarray:
    """Special values, every 4099th bit pattern of all floats, and dense samples where functions bend."""
    patterns = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(np.float32)
    rng = np.random.default_rng(3)
    dense = [rng.uniform(-s, s, 60_000).astype(np.float32) for s in (0.3, 1.0, 9.5, 110.0, 1e5)]
    near_one = (1 + rng.uniform(-0.5, 0.5, 60_000)).astype(np.float32)
    return np.concatenate([SPECIAL, patterns, *dense, near_one])


def apply(engine, name: str, *operands: np.ndarray, numbers=(0.0, 0.0), accumulate=False) -> np.ndarray:
    width = len(operands[0])
    plan = engine.Plan()
    slots = [plan.add_buffer("sequence", width) for _ in operands]
    out = plan.add_buffer("sum" if accumulate else "sequence", width)
    used = [*range(len(operands)), -1, -1, -1][:3]
    row = (engine.opcodes()[name], len(operands), *used, *numbers)
    plan.add_vector(width, [(s, 0, 0) for s in [*slots, out]], 0, [row])
    result = np.full(width if accumulate else (1, 1, width), np.nan, np.float32)
    plan.run([*(o[None, None] for o in operands), result], [], 1, 1)
    return result.reshape(width)


def ulps(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distance in units of the last place of the exact result; infinite where only one is NaN or infinite, or
    where a zero has the wrong sign."""
    rounded = exact.astype(np.float32)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    same &= (rounded != 0) | np.isnan(rounded) | (np.signbit(got) == np.signbit(rounded))
    finite = np.isfinite(got) & np.isfinite(rounded) & ((rounded != 0) | (got != 0))
    _, exponent = np.frexp(np.where(np.isfinite(exact), exact, 1.0))
    unit = np.ldexp(1.0, np.maximum(exponent, -125) - 24)
    far = np.abs(np.where(finite, got, 0).astype(np.float64) - np.where(finite, exact, 0)) / unit
    return np.where(same & ~finite, 0.0, np.where(finite, far, np.inf))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_within_its_bound_over_all_floats(engine, name):
    x = floats()
    reference, bound = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        exact = reference(x.astype(np.float64))
        distance = ulps(apply(engine, name, x), exact)
    worst = int(np.argmax(distance))
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


def pairs(n: int) -> list[np.ndarray]:
    """n operands: every combination of the special values, then random ones."""
    rng = np.random.default_rng(n)
    grids = np.meshgrid(*[SPECIAL] * n, indexing="ij")
    return [np.concatenate([g.ravel(), rng.standard_normal(1003).astype(np.float32)]) for g in grids]


def agree(got, expected):
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    np.testing.assert_allclose(np.where(same, 0, got), np.where(same, 0, expected), rtol=4e-7, atol=4e-7)


@pytest.mark.parametrize("name", UNARY)
def test_unary(engine, name):
    (x,) = pairs(1)
    np.testing.assert_array_equal(apply(engine, name, x), UNARY[name](x).astype(np.float32))


@pytest.mark.parametrize("name", BINARY)
def test_binary(engine, name):
    a, b = pairs(2)
    finite = np.isfinite(a) & np.isfinite(b) & (np.abs(a) < 1e30) & (np.abs(b) < 1e30)
    if name.endswith("_grad"):  # products of infinities depend on the order of the factors
        a, b = a[finite], b[finite]
    with np.errstate(all="ignore"):
        agree(apply(engine, name, a, b), BINARY[name](a, b).astype(np.float32))


def test_mul_add_select_affine_constant_accumulate(engine):
    a, b, c = (x[-1003:] for x in pairs(3))
    agree(apply(engine, "mul_add", a, b, c), a * b + c)
    agree(apply(engine, "affine", a, numbers=(-1.5, 0.25)), -1.5 * a + 0.25)
    agree(apply(engine, "accumulate", a, accumulate=True), a)
    a[:2] = np.nan, -0.0
    np.testing.assert_array_equal(apply(engine, "constant", a, numbers=(9.0, 0.25)), np.full_like(a, 0.25))
    np.testing.assert_array_equal(apply(engine, "select", a, b, c), np.where(a > 0, b, c))


def test_every_opcode_is_tested(raw_engine):
    tested = {*FUNCTIONS, *UNARY, *BINARY, "mul_add", "affine", "constant", "select", "accumulate"}
    assert tested == set(raw_engine.opcodes())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_lane_gives_the_same_bits_in_a_tail(engine, name):
    x = np.abs(np.random.default_rng(5).standard_normal(64).astype(np.float32)) + 0.1
    whole = apply(engine, name, x)
    for start in range(33):
        np.testing.assert_array_equal(
            apply(engine, name, x[start : start + 7].copy()), whole[start : start + 7]
        )
