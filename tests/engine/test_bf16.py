"""Products of bfloat16: operands rounded to the nearest, products added in float32; on AVX512-BF16 alone."""

from __future__ import annotations

import re

import numpy as np
import pytest


@pytest.fixture
def bf16(raw_engine):
    """The extension on the instruction set that has these products."""
    if "avx512bf16" not in raw_engine.isas():
        pytest.skip("this machine has no AVX512-BF16")
    before = raw_engine.isa()
    raw_engine.use_isa("avx512bf16")
    yield raw_engine
    raw_engine.use_isa(before)


def rounded(a: np.ndarray) -> np.ndarray:
    """To the nearest bfloat16, ties to even; as float64."""
    bits = a.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


class Chain:
    """y' = 0.5 x + (first gate of y M), over segments of the operand; out takes every gate of the product."""

    def __init__(self, engine, B, width, gates=1, transposed=False, heads=1, split=None):
        rng = np.random.default_rng(B + width)
        self.plan, self.T, self.B, self.width, self.gates = engine.Plan(), 3, B, width, gates
        self.transposed, self.heads = transposed, heads
        x, y = self.plan.add_buffer("sequence", width), self.plan.add_buffer("state", width)
        out, p = (self.plan.add_buffer(place, gates * width) for place in ("sequence", "scratch"))
        self.plan.add_weight(gates * width, width // heads)
        pieces = [width] if split is None else [split, width - split]
        segments = [(y, sum(pieces[:i]), 0, n) for i, n in enumerate(pieces)]
        self.plan.add_product(0, 0, transposed, gates, width, segments, (p, 0, 0), heads=heads)
        code = engine.opcodes()
        add = [
            (code["affine"], 3, 1, -1, -1, 0.5, 0.0),
            (code["add"], 2, 0, 3, -1, 0.0, 0.0),
        ]
        self.plan.add_vector(width, [(p, 0, 0), (x, 0, 0), (y, 0, 1)], 1, add)
        copy = [(code["copy"], 1, 0, -1, -1, 0.0, 0.0)]
        self.plan.add_vector(gates * width, [(p, 0, 0), (out, 0, 0)], 0, copy)
        self.x = rng.standard_normal((self.T, B, width)).astype(np.float32)
        self.u = (rng.standard_normal((gates * width, width // heads)) / width**0.5).astype(np.float32)

    def run(self, rows=slice(None), **options):
        x = np.ascontiguousarray(self.x[:, rows])
        out = np.full((*x.shape[:2], self.gates * self.width), np.nan, np.float32)
        self.plan.run([x, None, out, None], [self.u], *x.shape[:2], bf16=True, **options)
        return out

    def expected(self, operands):
        """What each step gives for the given operands (T, B, W)."""
        matrix, part = rounded(self.u), self.width // self.heads
        whole = np.zeros((self.gates * self.width, self.width))
        for block in range(self.gates * self.heads):
            rows = slice(block * part, (block + 1) * part)
            first = block % self.heads * part
            whole[rows, first : first + part] = matrix[rows]
        return rounded(operands) @ (whole if self.transposed else whole.T)


SHAPES = [
    {"B": 1, "width": 1},
    {"B": 1, "width": 700, "gates": 3},
    {"B": 2, "width": 1025, "gates": 2},
    {"B": 11, "width": 63, "gates": 4},
    {"B": 17, "width": 257, "transposed": True},
    {"B": 9, "width": 64, "split": 31},
    {"B": 9, "width": 64, "split": 31, "transposed": True},
    {"B": 9, "width": 66, "gates": 3, "heads": 6},
    {"B": 5, "width": 66, "heads": 6, "transposed": True},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_product(bf16, shape):
    case = Chain(bf16, **shape)
    got = case.run()
    y = np.zeros((case.B, case.width), np.float32)
    for t in range(case.T):  # from the engine's own state, so that no rounding falls the other way
        np.testing.assert_allclose(got[t], case.expected(y), rtol=0, atol=5e-6)
        y = got[t, :, : case.width] + np.float32(0.5) * case.x[t]
    for threads, split in ((2, "rows"), (2, "lanes"), (5, "lanes")):
        np.testing.assert_array_equal(case.run(threads=threads, split=split), got)
    for b in range(case.B):
        np.testing.assert_array_equal(case.run(rows=slice(b, b + 1))[:, 0], got[:, b])


@pytest.mark.parametrize(("rows", "columns", "T", "B"), [(1, 1, 3, 1), (33, 17, 3, 3), (400, 300, 70, 9)])
def test_weight_gradient(bf16, rows, columns, T, B):
    rng = np.random.default_rng(rows)
    d = rng.standard_normal((T, B, rows)).astype(np.float32)
    a, edge = rng.standard_normal((T, B, columns)).astype(np.float32), np.ones((B, columns), np.float32)
    address = [
        (v.ctypes.data, v.strides[-3] // 4 if v.ndim == 3 else 0, v.strides[-2] // 4) for v in (d, a, edge)
    ]
    before = np.concatenate([edge[None], a[:-1]])
    for operand, shifted in ((a, False), (before, True)):
        out = np.full((rows, columns), 2.0, np.float32)
        job = (*address, rows, columns, shifted, (out.ctypes.data, columns), True)
        bf16.outer([job], T, B, bf16=True)
        exact = rounded(d).reshape(-1, rows).T @ rounded(operand).reshape(-1, columns)
        np.testing.assert_allclose(out, 2 + exact, rtol=0, atol=3e-6 * T * B**0.5)


def test_nan_and_infinity_arrive(bf16):
    case = Chain(bf16, 3, 40)
    case.x[0, 1, 7], case.x[0, 2, 7] = np.nan, np.inf
    out = case.run()
    assert np.isfinite(out[1, 0]).all()
    assert np.isnan(out[1, 1]).all()
    assert not np.isfinite(out[1, 2]).any()


def test_where_it_is_not_had(raw_engine):
    before = raw_engine.isa()
    try:
        for name in (n for n in raw_engine.isas() if n != "avx512bf16"):
            raw_engine.use_isa(name)
            text = f"bf16: expected float32 values and the instruction set avx512bf16, got float32 and {name}"
            with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
                Chain(raw_engine, 1, 4).run()
    finally:
        raw_engine.use_isa(before)
