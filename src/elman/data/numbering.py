"""Texts as whole numbers, some at a time."""

from __future__ import annotations

import numpy as np
import polars as pl


def numbered(column: pl.Series, known: dict[str, int]) -> np.ndarray:
    """(n,) int32, the number of each text of a column without holes; one that is new gets the next, which
    `known` then holds."""
    different = column.unique(maintain_order=True).to_list()
    places = [known.setdefault(text, len(known)) for text in different]
    return column.replace_strict(different, places, return_dtype=pl.Int32).to_numpy()
