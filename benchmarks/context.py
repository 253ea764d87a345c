"""What every section of the benchmark is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from elman.bench import layers
from elman.bench.shapes import Shape
from elman.bench.timing import Effort, MatrixRate


@dataclass(frozen=True)
class Context:
    """How long to measure, what to, and whom to tell.

    kinds, modes and shapes choose among the cases of the sections that have them; shapes None: the section's.
    """

    effort: Effort
    mm: MatrixRate
    threads: int
    quick: bool = False
    kinds: Sequence[str] = tuple(layers.KINDS)
    modes: Sequence[layers.Mode] = layers.MODES
    shapes: Sequence[Shape] | None = None
    starting: Callable[[str], None] = lambda case: None

    def shapes_or(self, *usual: Shape) -> Sequence[Shape]:
        """The shapes asked for, or the usual ones."""
        return self.shapes or usual
