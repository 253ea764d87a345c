"""The embedding of words, as the networks of classify and tag begin it."""

from __future__ import annotations

import torch
from torch import nn

from elman.data.sequences import PAD


def embedding(count: int, size: int) -> nn.Embedding:
    """`size` features for each of `count` words, zeros for padding.

    First values uniform within ± √(3 / size), Ma and Hovy 2016 (arXiv:1603.01354), so that a word that was
    rarely seen says little; those of torch are √size times as large and learned by heart.
    """
    layer = nn.Embedding(count, size, padding_idx=PAD)
    bound = (3.0 / size) ** 0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound)
        layer.weight[PAD] = 0.0
    return layer
