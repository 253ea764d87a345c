"""Long sequences cut to some of their steps."""

from __future__ import annotations

import torch

from elman.data.sequences import Sequences
from elman.errors import unknown

KEEP = ("ends", "first", "last")


def shorten(sequences: Sequences, steps: int, keep: str) -> Sequences:
    """Sequences of at most `steps` steps: of longer ones the first, the last, or half of each (ends).

    first and last share the values; ends copies them where a sequence is longer, many to disk.
    """
    if keep not in KEEP:
        raise unknown("keep", keep, KEEP)
    if sequences.longest <= steps:
        return sequences
    lengths = sequences.lengths.clamp(max=steps)
    if keep == "first":
        return Sequences(sequences.values, sequences.starts, lengths)
    if keep == "last":
        return Sequences(sequences.values, sequences.starts + sequences.lengths - lengths, lengths)
    front = lengths.clamp(max=(steps + 1) // 2)
    back = lengths - front
    starts = torch.stack([sequences.starts, sequences.starts + sequences.lengths - back], 1)
    ends = Sequences(sequences.values, starts.flatten(), torch.stack([front, back], 1).flatten())
    return Sequences.from_pieces(ends.blocks(), lengths.numpy(), sequences.values.numpy().dtype)
