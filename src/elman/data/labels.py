"""Labels as files write them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def labels_from_texts(texts: Sequence[str]) -> np.ndarray:
    """(N,) whole numbers if all are written as such (7, not 07 or 7.0), else the texts."""
    if all(len(text) < 19 and text.lstrip("-").isdecimal() and str(int(text)) == text for text in texts):
        return np.array([int(text) for text in texts], dtype=np.int64)
    return np.array(texts)
