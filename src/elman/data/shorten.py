"""Long sequences cut to some of their steps."""

from __future__ import annotations

import torch

from elman.data.sequences import Sequences
from elman.errors import unknown

KEEP = ("ends", "first", "last")


def shorten(sequences: Sequences, steps: int, keep: str) -> Sequences:
    """Sequences of at most `steps` steps: of longer ones the first, the last, or half of each (ends).

    first and last share the values; ends copies them where a sequence is longer.
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
    starts = lengths.cumsum(0) - lengths
    step = torch.arange(int(lengths.sum())) - starts.repeat_interleave(lengths)
    left_out = (sequences.lengths - lengths).repeat_interleave(lengths)
    row = sequences.starts.repeat_interleave(lengths) + step + left_out * (step >= (steps + 1) // 2)
    padding = torch.tensor([len(sequences.values) - 1])
    return Sequences(sequences.values[torch.cat([row, padding])], starts, lengths)
