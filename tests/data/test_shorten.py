"""Sequences cut to some of their steps, beside slices of lists."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.data import Sequences, sequences, spilled
from elman.data.shorten import shorten
from elman.errors import ArgumentError

LENGTHS = [4, 0, 9, 5, 1, 12]
ROWS = [np.arange(length) + 100 * place for place, length in enumerate(LENGTHS)]


def by_hand(row: np.ndarray, steps: int, keep: str) -> list[int]:
    every = row.tolist()
    if len(every) <= steps:
        return every
    back = len(every) - steps
    if keep == "ends":
        half = (steps + 1) // 2
        return every[:half] + every[half + back :]
    return every[:steps] if keep == "first" else every[back:]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 5, 20])
@pytest.mark.parametrize("keep", ["ends", "first", "last"])
def test_the_steps_that_are_kept(keep: str, steps: int, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if large:
        monkeypatch.setattr(spilled, "LARGE", 0)
        monkeypatch.setattr(sequences, "PIECE", 40)
    order = np.array([3, 2, 0, 1, 5, 4])
    for tokens in (True, False):
        flat = np.concatenate(ROWS)
        given = Sequences.from_flat(flat if tokens else flat[:, None], np.array(LENGTHS)).select(order)
        short = shorten(given, steps, keep)
        assert short.values.dtype == (torch.int64 if tokens else torch.float32)
        assert [row.ravel().tolist() for row in short] == [by_hand(ROWS[k], steps, keep) for k in order]
        assert not short.values[-1].any()


def test_an_unknown_part() -> None:
    with pytest.raises(ArgumentError, match=r"unknown name 'lasts'\. Did you mean 'last'"):
        shorten(Sequences.from_flat(np.arange(3), np.array([3])), 2, "lasts")
