"""Pretrained word vectors put into an embedding."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from elman.data.word_vectors import read_word_vectors
from elman.tasks.inputs import TextInputs


def take_vectors(embedding: nn.Embedding, inputs: TextInputs, path: Path) -> str:
    """Begin an embedding with the vectors of a file; the words that are not in it keep random ones, as large
    as those. Gives a note on how many were found, and on lines that are too long.
    """
    listing = inputs.vocabulary.listing()
    numbers = {token: number for number, token in enumerate(listing) if number > 1}  # not <pad>, <unk>
    read = read_word_vectors(path, numbers)
    taken = torch.from_numpy(read.vectors)
    with torch.no_grad():
        embedding.weight.mul_(taken.std())
        embedding.weight[torch.from_numpy(read.words)] = taken
    found = f"{len(read.words):,} of {len(numbers):,} tokens found in {path.name}"
    said = f"word vectors: {found} ({taken.shape[1]} features each)"
    if read.longer:
        said += (
            f"; {read.longer:,} lines with more numbers are left out, the first is line {read.first_longer:,}"
        )
    return said
