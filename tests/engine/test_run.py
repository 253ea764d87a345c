"""What a run promises beyond one cell's numbers: blocks, threads, teams, addresses, instruction sets."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading

import numpy as np
import pytest


def linear(engine, width: int, gates: int = 1):
    """out = U y for every gate, then y' = gate 0 of it + x."""
    plan = engine.Plan()
    x, y = plan.add_buffer("sequence", width), plan.add_buffer("state", width)
    out, p = plan.add_buffer("sequence", gates * width), plan.add_buffer("scratch", gates * width)
    plan.add_weight(gates * width, width)
    plan.add_product(0, 0, False, gates, width, [(y, 0, 0, width)], (p, 0, 0))
    code = engine.opcodes()
    plan.add_vector(width, [(p, 0, 0), (x, 0, 0), (y, 0, 1)], 0, [(code["add"], 2, 0, 1, -1, 0.0, 0.0)])
    ports = [(p, 0, 0), (out, 0, 0)]
    plan.add_vector(gates * width, ports, 0, [(code["copy"], 1, 0, -1, -1, 0.0, 0.0)])
    plan.check()
    return plan


class Linear:
    def __init__(self, engine, T: int, B: int, width: int, gates: int = 1):
        rng = np.random.default_rng(T + B + width)
        self.plan, self.T, self.B = linear(engine, width, gates), T, B
        self.x = rng.standard_normal((T, B, width)).astype(engine.dtype)
        self.u = (0.5 * rng.standard_normal((gates * width, width)) / width**0.5).astype(engine.dtype)
        self.width = width

    def run(self, rows=slice(None), **options) -> np.ndarray:
        x = np.ascontiguousarray(self.x[:, rows])
        out = np.full((*x.shape[:2], len(self.u)), np.nan, self.x.dtype)
        self.plan.run([x, None, out, None], [self.u], *x.shape[:2], **options)
        return out

    def expected(self) -> np.ndarray:
        u, y = self.u.astype(np.float64), np.zeros((self.B, self.width))
        outs = []
        for x in self.x:
            outs.append(y @ u.T)
            y = outs[-1][:, : self.width] + x
        return np.stack(outs)


@pytest.mark.parametrize(("B", "width", "gates"), [(1, 700, 3), (2, 513, 2), (11, 300, 3), (17, 257, 1)])
def test_inner_dimensions_of_several_blocks(engine, B, width, gates):
    case = Linear(engine, 3, B, width, gates)
    for threads, split in ((1, "auto"), (2, "rows"), (2, "lanes"), (5, "lanes")):
        got = case.run(threads=threads, split=split)
        np.testing.assert_allclose(
            got, case.expected(), rtol=0, atol=2e-5 if engine.dtype is np.float32 else 1e-13
        )


def test_a_row_does_not_depend_on_its_neighbours(engine):
    case = Linear(engine, 4, 19, 70, 2)
    together = case.run()
    for b in range(19):
        np.testing.assert_array_equal(case.run(rows=slice(b, b + 1))[:, 0], together[:, b])
    np.testing.assert_array_equal(case.run(rows=slice(3, 10)), together[:, 3:10])


def test_addresses(engine):
    case = Linear(engine, 5, 6, 33)
    x = case.x.transpose(1, 0, 2).copy().transpose(1, 0, 2)  # batch first in memory
    out = np.full((5, 6, 33), np.nan, engine.dtype)
    where = [(a.ctypes.data, a.strides[0] // a.itemsize, a.strides[1] // a.itemsize) for a in (x, out)]
    case.plan.run([where[0], None, where[1], None], [(case.u.ctypes.data, 33)], 5, 6)
    np.testing.assert_array_equal(out, case.run())


def test_many_threads_and_few_rows(engine):
    case = Linear(engine, 6, 5, 40)
    one = case.run()
    for threads in (4, 7, 16):
        for split in ("rows", "lanes"):
            np.testing.assert_array_equal(case.run(threads=threads, split=split), one)


def test_sum_of_many_terms_stays_exact(engine):
    """Ten million float additions would lose two digits in a single float."""
    plan = engine.Plan()
    x, total = plan.add_buffer("sequence", 5), plan.add_buffer("sum", 5)
    plan.add_vector(
        5, [(x, 0, 0), (total, 0, 0)], 0, [(engine.opcodes()["accumulate"], 1, 0, -1, -1, 0.0, 0.0)]
    )
    values = np.random.default_rng(0).uniform(0.5, 1.5, (20_000, 10, 5)).astype(engine.dtype)
    out = np.full(5, np.nan, engine.dtype)
    for threads in (1, 2):
        plan.run([values, out], [], 20_000, 10, threads=threads)
        np.testing.assert_allclose(
            out, values.astype(np.float64).sum((0, 1)), rtol=2e-7 if engine.dtype is np.float32 else 1e-12
        )
    plan.run([values[:0], out], [], 0, 10)
    assert (out == 0).all()


def test_final_is_the_initial_state_of_an_empty_sequence(engine):
    plan = engine.Plan()
    plan.add_buffer("state", 9)
    plan.add_vector(9, [(0, 0, 0), (0, 0, 1)], 0, [(engine.opcodes()["affine"], 1, 0, -1, -1, 2.0, 0.0)])
    initial = np.random.default_rng(1).standard_normal((3, 9)).astype(engine.dtype)
    final, lengths = np.full((3, 9), np.nan, engine.dtype), np.array([0, 2, 1])
    plan.run([(initial, None, final)], [], 2, 3, lengths=lengths)
    np.testing.assert_array_equal(final, initial * np.array([[1], [4], [2]], engine.dtype))
    plan.run([(None, None, final)], [], 2, 3, lengths=np.zeros(3, np.int64))
    assert (final == 0).all()


def test_two_callers_at_once(engine):
    case = Linear(engine, 50, 6, 64)
    expected, results = case.run(), {}

    def work(i: int) -> None:
        for _ in range(20):
            results[i] = case.run(threads=1 + i % 2)

    callers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for i in range(4):
        np.testing.assert_array_equal(results[i], expected)


def test_plan_that_changes_is_checked_again(engine):
    case = Linear(engine, 1, 1, 4)
    case.run()
    case.plan.add_buffer("scratch", 0)
    with pytest.raises(ValueError, match=r"^buffer 4: expected a width of at least 1, got 0$"):
        case.plan.run([case.x, None, case.x, None, None], [case.u], 1, 1)


def test_team_of_a_host(engine):
    """On an OpenMP runtime's threads, also where the team comes out smaller than asked."""
    try:
        gomp = ctypes.CDLL("libgomp.so.1")
    except OSError:
        pytest.skip("no libgomp on this machine")
    case = Linear(engine, 6, 9, 70)
    expected = case.run()
    address = [ctypes.cast(f, ctypes.c_void_p).value for f in (gomp.GOMP_parallel, gomp.omp_get_num_threads)]
    try:
        engine.use_team(*address)
        for limit in (64, 2, 1):
            gomp.omp_set_dynamic(limit < 64)
            gomp.omp_set_num_threads(limit)
            for split in ("rows", "lanes"):
                np.testing.assert_array_equal(case.run(threads=3, split=split), expected)
    finally:
        gomp.omp_set_dynamic(0)
        engine.use_team(0, 0)


def python(folder: str, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    load = "import sys; sys.path.insert(0, sys.argv[1]); import _engine as e; "
    return subprocess.run(
        [sys.executable, "-c", load + code, folder],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def test_environment_names_the_instruction_set(raw_engine):
    folder = os.path.dirname(raw_engine.__file__)
    for name in raw_engine.isas():
        assert python(folder, "print(e.isa())", ELMAN_ISA=name).stdout == f"{name}\n"
    answer = python(folder, "print('imported'); e.isa()", ELMAN_ISA="mmx")
    assert answer.stdout == "imported\n"
    valid = ", ".join(raw_engine.isas())
    message = f"ELMAN_ISA: expected an instruction set that this machine runs ({valid}), got 'mmx'"
    assert answer.stderr.endswith(f"ValueError: {message}\n")


@pytest.mark.parametrize(("T", "B"), [(2, 1), (2, 9), (1, 33)])
@pytest.mark.parametrize(
    ("gates", "heads", "each", "inner"), [(1, 2, 1, 3), (3, 4, 20, 5), (2, 3, 64, 31), (4, 2, 65, 7)]
)
def test_block_diagonal_products(engine, make_batch, T, B, gates, heads, each, inner):
    """Forward from two segments, and back from one segment for each gate, added to what is there."""
    batch = make_batch(each, T, B)
    W, K = heads * each, heads * inner
    plan = engine.Plan()
    a, b, y = (plan.add_buffer("sequence", n) for n in (K, 2 * heads, gates * W))
    bias, back = plan.add_buffer("vector", gates * W), plan.add_buffer("sequence", K)
    u, v = plan.add_weight(gates * W + 1, inner + 2), plan.add_weight(gates * W + 1, inner)
    plan.add_product(
        u, 1, False, gates, W, [(a, 0, 0, K), (b, 0, 0, 2 * heads)], (y, 0, 0), bias=(bias, 0, 0), heads=heads
    )
    plan.add_vector(K, [(a, 0, 0), (back, 0, 0)], 0, [(engine.opcodes()["copy"], 1, 0, -1, -1, 0.0, 0.0)])
    segments = [(y, gate * W, 0, W) for gate in range(gates)]
    plan.add_product(v, 1, True, 1, K, segments, (back, 0, 0), accumulate=True, heads=heads)
    plan.check()
    A, S, offset = batch.sequence(K), batch.sequence(2 * heads), batch.vector(gates * W)
    U, V = batch.weight(gates * W + 1, inner + 2), batch.weight(gates * W + 1, inner)
    Y, D = batch.sequence(gates * W, fill=False), batch.sequence(K, fill=False)
    batch.run(plan, [A, S, Y, offset, D], [U, V])

    operand = np.concatenate([A.reshape(T, B, heads, inner), S.reshape(T, B, heads, 2)], 3).astype(np.float64)
    blocks = [w[1:].reshape(gates, heads, each, -1).astype(np.float64) for w in (U, V)]
    want = np.einsum("tbnk,gnik->tbgni", operand, blocks[0]) + offset.reshape(gates, heads, each)
    np.testing.assert_allclose(Y, want.reshape(T, B, -1), rtol=0, atol=1e-5)
    dx = np.einsum("tbgni,gnik->tbnk", want, blocks[1]).reshape(T, B, K) + A
    np.testing.assert_allclose(D, dx, rtol=0, atol=3e-5 * np.abs(dx).max())


@pytest.mark.parametrize("W", [1, 7, 64, 130, 256, 300, 1000])
def test_means_over_the_row(engine, W):
    """Layer norm, with values that cross the means, and the mean of a mean."""
    T, B = 2, 5
    plan = engine.Plan()
    a, y, s = plan.add_buffer("sequence", W + 3), plan.add_buffer("sequence", W), plan.add_buffer("sum", W)
    code = engine.opcodes()
    rows = [("mean", 3, 0), ("sub", 4, 0, 3), ("mul", 5, 4, 4), ("mean", 5, 5), ("affine", 5, 5, 1.0, 0.5)]
    rows += [("rsqrt", 6, 5), ("mul", 4, 4, 6), ("mean", 7, 6), ("sub", 6, 6, 7), ("add", 4, 4, 6)]
    rows += [("mul", 3, 3, 4), ("copy", 1, 3), ("accumulate", 2, 4)]
    filled = []
    for name, dst, *rest in rows:
        operands = [r for r in rest if not isinstance(r, float)]
        numbers = [r for r in rest if isinstance(r, float)]
        filled.append((code[name], dst, *[*operands, -1, -1, -1][:3], *[*numbers, 0.0, 0.0][:2]))
    plan.add_vector(W, [(a, 3, 0), (y, 0, 0), (s, 0, 0)], 5, filled)
    plan.check()
    rng = np.random.default_rng(W)
    A, out = rng.standard_normal((T, B, W + 3)).astype(engine.dtype) + 1, []
    for threads, split in ((1, "auto"), (2, "rows"), (3, "auto")):
        Y, S = np.full((T, B, W), np.nan, engine.dtype), np.full(W, np.nan, engine.dtype)
        plan.run([A, Y, S], [], T, B, threads=threads, split=split)
        out.append(Y)
        values = A[..., 3:].astype(np.float64)
        average = values.mean(-1, keepdims=True)
        normal = (values - average) / np.sqrt(values.var(-1, keepdims=True) + 0.5)
        np.testing.assert_allclose(Y, average * normal, rtol=0, atol=1e-5)
        np.testing.assert_allclose(S, normal.sum((0, 1)), rtol=0, atol=2e-5)
        np.testing.assert_array_equal(Y, out[0])
    with pytest.raises(
        ValueError, match="split: expected 'auto' or 'rows' for a plan with a mean over its rows"
    ):
        plan.run([A, Y, S], [], T, B, threads=2, split="lanes")
