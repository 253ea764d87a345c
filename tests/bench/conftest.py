"""A benchmark that takes no time."""

from __future__ import annotations

import pytest

from elman.bench.timing import Effort, MatrixRate


@pytest.fixture
def brief() -> Effort:
    return Effort(warmup_seconds=0.0, rounds=3, seconds=0.0)


@pytest.fixture
def mm(monkeypatch: pytest.MonkeyPatch) -> MatrixRate:
    monkeypatch.setattr(MatrixRate, "SIZE", 32)
    return MatrixRate(repeats=1)
