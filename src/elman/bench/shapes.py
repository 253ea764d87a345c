"""The sizes of a case."""

from __future__ import annotations

from dataclasses import dataclass

from elman.errors import wrong


@dataclass(frozen=True)
class Shape:
    """Sizes of one case: sequences, steps, input features, hidden units."""

    batch: int
    time: int
    input: int
    hidden: int

    def __str__(self) -> str:
        return f"{self.batch}x{self.time}x{self.input}x{self.hidden}"

    @classmethod
    def parse(cls, text: str) -> Shape:
        """The shape written as `BxTxIxH`, such as 32x100x128x128; raises ArgumentError for anything else."""
        sizes = text.split("x")
        if len(sizes) != 4 or not all(size.isdecimal() and int(size) > 0 for size in sizes):
            raise wrong("shape", expected="four positive sizes as BxTxIxH, such as 32x100x128x128", got=text)
        return cls(*map(int, sizes))


FULL = tuple(
    Shape(*sizes)
    for sizes in (
        (1, 100, 64, 64),
        (1, 100, 256, 256),
        (1, 100, 512, 512),
        (32, 28, 28, 128),
        (32, 100, 128, 128),
        (32, 100, 256, 256),
        (64, 100, 512, 512),
        (64, 50, 1024, 1024),
        (128, 100, 64, 64),
    )
)
QUICK = (Shape(1, 100, 64, 64), Shape(1, 100, 256, 256), Shape(32, 28, 28, 128), Shape(32, 100, 128, 128))
