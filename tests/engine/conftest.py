"""The engine on its own: these tests import neither torch nor the rest of elman, so that they also run
under the sanitizers. ELMAN_ENGINE_DIR names the folder of another build of the extension."""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest


def _load_engine() -> ModuleType:
    folder = os.environ.get("ELMAN_ENGINE_DIR")
    if not folder:
        return importlib.import_module("elman._engine")
    files = sorted(Path(folder).glob("_engine*.so"))
    if not files:
        raise FileNotFoundError(f"ELMAN_ENGINE_DIR: no _engine*.so in {folder}")
    spec = importlib.util.spec_from_file_location("_engine", files[0])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_ENGINE = _load_engine()

# threads and split: every plan must give the same over all of them
MODES = [(1, "auto"), (2, "rows"), (3, "rows"), (2, "lanes"), (3, "lanes")]


class Typed:
    """The extension, with the plans of one type of value as its `Plan`."""

    def __init__(self, dtype: type[np.floating]) -> None:
        self.dtype = dtype
        self.Plan = {np.float32: _ENGINE.Plan, np.float64: _ENGINE.Plan64}[dtype]

    def __getattr__(self, name: str):
        return getattr(_ENGINE, name)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> type[np.floating]:
    return request.param


@pytest.fixture(params=_ENGINE.isas())
def engine(request: pytest.FixtureRequest, dtype: type[np.floating]):
    """The extension, for each type of value on each instruction set that this machine has."""
    before = _ENGINE.isa()
    _ENGINE.use_isa(request.param)
    yield Typed(dtype)
    _ENGINE.use_isa(before)


@pytest.fixture(scope="session")
def raw_engine() -> ModuleType:
    """The extension as it comes."""
    return _ENGINE


class Batch(SimpleNamespace):
    """Sizes of a run, and arrays to go with them. T, B: steps, sequences; lengths: (B,) int64."""

    def __init__(
        self, seed: int, T: int, B: int, lengths=None, reverse=False, batch_first=False, dtype=np.float32
    ):
        rng = np.random.default_rng(seed)
        full = np.full(B, T, np.int64)
        super().__init__(
            T=T, B=B, reverse=reverse, batch_first=batch_first, rng=rng, dtype=dtype, canaries=[]
        )
        self.given = None if lengths is None else np.asarray(lengths, np.int64)
        self.lengths = full if self.given is None else self.given

    def _empty(self, *shape: int) -> np.ndarray:
        """NaN everywhere, with three more columns on either side that must stay as they are."""
        if self.batch_first and len(shape) == 3:
            shape = (shape[1], shape[0], shape[2])
        whole = np.full((*shape[:-1], shape[-1] + 6), np.nan, self.dtype)
        whole[..., :3] = whole[..., -3:] = 7.5
        self.canaries.append(whole)
        inner = whole[..., 3:-3]
        return inner.transpose(1, 0, 2) if self.batch_first and len(shape) == 3 else inner

    def sequence(self, width: int, fill: bool = True, scale: float = 1.0) -> np.ndarray:
        """(T, B, W), random within the lengths and NaN past them."""
        array = self._empty(self.T, self.B, width)
        for b in range(self.B):
            if fill:
                n = self.lengths[b]
                array[:n, b] = scale * self.rng.standard_normal((n, width))
        return array

    def rows(self, width: int, fill: bool = True) -> np.ndarray:
        array = self._empty(self.B, width)
        if fill:
            array[:] = self.rng.standard_normal((self.B, width))
        return array

    def vector(self, width: int, fill: bool = True) -> np.ndarray:
        array = self._empty(width)
        if fill:
            array[:] = self.rng.standard_normal(width)
        return array

    def weight(self, rows: int, columns: int) -> np.ndarray:
        array = self._empty(rows, columns)
        array[:] = self.rng.standard_normal((rows, columns)) / np.sqrt(columns)
        return array

    def times(self, b: int) -> list[int]:
        """The time indices of sequence b in the order of the walk."""
        steps = list(range(self.lengths[b]))
        return steps[::-1] if self.reverse else steps

    def run(self, plan, arrays, weights) -> None:
        """Runs the plan in every mode: all must leave the same bits (Sums: nearly) and no canary touched."""
        flat = [a for entry in arrays for a in (entry if isinstance(entry, tuple) else (entry,))]
        before = [None if a is None else a.copy() for a in flat]
        first: list[np.ndarray] = []
        for threads, split in MODES:
            for array, old in zip(flat, before, strict=True):
                if array is not None:
                    array[...] = old
            plan.run(
                arrays,
                weights,
                self.T,
                self.B,
                lengths=self.given,
                reverse=self.reverse,
                threads=threads,
                split=split,
            )
            for whole in self.canaries:
                assert (whole[..., :3] == 7.5).all(), "wrote before a row"
                assert (whole[..., -3:] == 7.5).all(), "wrote past a row"
            now = [a for a in flat if a is not None]
            first = first or [a.copy() for a in now]
            for array, one in zip(now, first, strict=True):
                if array.ndim > 1:
                    np.testing.assert_array_equal(array, one, err_msg=f"{threads} threads, {split}")
                else:
                    close = 1e-5 if self.dtype is np.float32 else 1e-13
                    np.testing.assert_allclose(array, one, rtol=close, atol=close)

    def zero_past(self, array: np.ndarray) -> bool:
        return all((array[self.lengths[b] :, b] == 0).all() for b in range(self.B))


@pytest.fixture
def make_batch(dtype):
    return partial(Batch, dtype=dtype)
