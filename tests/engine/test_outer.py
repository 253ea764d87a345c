"""Weight gradients: sums of outer products over rows and steps."""

from __future__ import annotations

import numpy as np
import pytest


class Sums:
    """Two jobs on the same gradients d: with x of the same step, and with the state of the step before."""

    def __init__(self, T: int, B: int, rows: int, columns: int, lengths=None, reverse=False) -> None:
        rng = np.random.default_rng(T + B + rows)
        self.T, self.B, self.reverse = T, B, reverse
        self.lengths = None if lengths is None else np.asarray(lengths, np.int64)
        self.d = rng.standard_normal((T, B, rows + 2)).astype(np.float32)[..., 1:-1]
        self.x = rng.standard_normal((T, B, columns)).astype(np.float32)
        self.h = rng.standard_normal((T, B, columns)).astype(np.float32)
        self.edge = rng.standard_normal((B, columns)).astype(np.float32)
        for b in range(B):  # what stands past a length is never read
            for array in (self.d, self.x, self.h):
                array[self.steps(b) :, b] = np.nan

    def steps(self, b: int) -> int:
        return self.T if self.lengths is None else int(self.lengths[b])

    def run(self, engine, threads: int = 1, add: np.ndarray | None = None, edge: bool = True):
        rows, columns = self.d.shape[2], self.x.shape[2]
        whole = np.full((2, rows, columns + 3), 7.5, np.float32)
        if add is not None:
            whole[..., :columns] = add
        out = whole[..., :columns]

        def address(a: np.ndarray) -> tuple[int, int, int]:
            time, batch = (a.strides[0] // 4, a.strides[1] // 4) if a.ndim == 3 else (0, a.strides[0] // 4)
            return a.ctypes.data, time, batch

        jobs = []
        for a, before, first, o in ((self.x, False, None, out[0]), (self.h, True, self.edge, out[1])):
            start = address(first) if first is not None and edge else None
            place = (o.ctypes.data, columns + 3)
            jobs.append((address(self.d), address(a), start, rows, columns, before, place, add is not None))
        engine.outer(jobs, self.T, self.B, self.lengths, self.reverse, threads)
        assert (whole[..., columns:] == 7.5).all()
        return out

    def expected(self, edge: bool = True) -> np.ndarray:
        out = np.zeros((2, self.d.shape[2], self.x.shape[2]))
        for b in range(self.B):
            n = self.steps(b)
            for k in range(n):
                t, before = (n - 1 - k, n - k) if self.reverse else (k, k - 1)
                d = self.d[t, b].astype(np.float64)
                h = self.h[before, b] if k > 0 else self.edge[b] * edge
                out += np.stack([np.outer(d, self.x[t, b]), np.outer(d, h)])
        return out


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, [3, 0, 5, 1]])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (7, 5), (16, 8), (64, 33), (401, 270)])
def test_sums_agree_with_numpy(engine, rows, columns, lengths, reverse, threads) -> None:
    sums = Sums(5, 4, rows, columns, lengths, reverse)
    for edge in (True, False):
        np.testing.assert_allclose(
            sums.run(engine, threads, edge=edge), sums.expected(edge), rtol=1e-5, atol=2e-5
        )


def test_more_steps_than_one_pass_covers(engine) -> None:
    sums = Sums(70, 8, 40, 24)
    np.testing.assert_allclose(sums.run(engine), sums.expected(), rtol=1e-4, atol=2e-4)


def test_the_same_bits_for_any_threads(engine) -> None:
    sums = Sums(40, 9, 130, 50)
    np.testing.assert_array_equal(sums.run(engine, 1), sums.run(engine, 4))


def test_the_same_bits_in_pieces_added_from_last_to_first(engine) -> None:
    sums = Sums(50, 6, 40, 24)
    whole = sums.run(engine)
    late, early = Sums(20, 6, 40, 24), Sums(30, 6, 40, 24)
    late.d, late.x, late.h, late.edge = sums.d[30:], sums.x[30:], sums.h[30:], sums.h[29]
    early.d, early.x, early.h, early.edge = sums.d[:30], sums.x[:30], sums.h[:30], sums.edge
    np.testing.assert_array_equal(early.run(engine, add=late.run(engine)), whole)


def test_nothing_to_sum_leaves_zeros(engine) -> None:
    assert not Sums(0, 3, 4, 4).run(engine).any()
    assert not Sums(3, 0, 4, 4).run(engine).any()
    assert not Sums(3, 2, 4, 4, lengths=[0, 0]).run(engine).any()
