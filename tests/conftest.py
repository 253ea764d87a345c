"""What every test shares: fixed seeds, a fixed thread count, and the marker for tests on real data."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

SEED = 20260101
THREADS = min(2, os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `data` where no folder of real data sets is named."""
    if os.environ.get("ELMAN_DATA"):
        return
    skip = pytest.mark.skip(reason="ELMAN_DATA is not set")
    for item in items:
        if item.get_closest_marker("data"):  # `keywords` holds the names of folders too
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def reproducible() -> Iterator[None]:
    """Each test starts from the same random state and thread count, whatever ran before it."""
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(THREADS)
    default = torch.get_default_dtype()
    yield
    torch.set_default_dtype(default)


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept from data goes into a folder of the tests' own, unless a test names another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data sets; only for tests marked `data`."""
    folder = Path(os.environ["ELMAN_DATA"])
    assert folder.is_dir(), f"ELMAN_DATA names {folder}, which is no folder"
    return folder
