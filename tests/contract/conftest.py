"""What the contract tests share: memory that is never handed out clean."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from elman.backends import tensors


@pytest.fixture(params=[1, 10**6], ids=["inside", "before"])
def projections(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine projects x within the loop over time, and before it."""
    monkeypatch.setattr(tensors, "MANY_ROWS", request.param)


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every uninitialised tensor of torch (empty, empty_like, new_empty …) comes full of NaN."""
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
