"""What the tests of the layers share: the readers they run on, and one way to compare tensors."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("elman._engine") is None, reason="elman._engine is not built"
)


class Reader(NamedTuple):
    """A backend with a dtype it serves, and how near to torch.nn it must come."""

    backend: str
    dtype: torch.dtype
    tolerance: float


@pytest.fixture(
    params=[
        pytest.param(Reader("reference", torch.float32, 2e-5), id="reference-float32"),
        pytest.param(Reader("reference", torch.float64, 1e-10), id="reference-float64"),
        pytest.param(Reader("engine", torch.float32, 2e-5), id="engine-float32", marks=needs_engine),
        pytest.param(Reader("engine", torch.float64, 1e-10), id="engine-float64", marks=needs_engine),
    ]
)
def reader(request: pytest.FixtureRequest) -> Reader:
    """Each reader in each dtype that it serves."""
    _one_thread_for_reference(request.param.backend)
    return request.param


@pytest.fixture(params=["reference", pytest.param("engine", marks=needs_engine)])
def backend(request: pytest.FixtureRequest) -> str:
    """Each reader by name, for tests in float32."""
    _one_thread_for_reference(request.param)
    return request.param


def _one_thread_for_reference(backend: str) -> None:
    """A second thread only slows torch's operators on tensors this small; the engine keeps its threads."""
    if backend == "reference":
        torch.set_num_threads(1)


@pytest.fixture
def assert_near() -> Callable[..., None]:
    """`assert_near(ours, theirs, tolerance, label)`: within tolerance · max(1, largest value of theirs)."""

    def check(ours: Tensor, theirs: Tensor, tolerance: float, label: object = "") -> None:
        assert ours.shape == theirs.shape, label
        assert ours.dtype == theirs.dtype, label
        if theirs.numel():
            allowed = tolerance * max(1.0, theirs.abs().max().item())
            error = (ours - theirs).abs().max().item()
            assert error <= allowed, f"{label}: off by {error:.3g}, allowed {allowed:.3g}"

    return check
