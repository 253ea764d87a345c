"""Floor 3: sequences and labels, from files, named sets and arrays, checked before training."""

from elman.data.examples import Examples, Splits
from elman.data.sequences import Sequences
from elman.data.tokens import Vocabulary

__all__ = ["Examples", "Sequences", "Splits", "Vocabulary"]
