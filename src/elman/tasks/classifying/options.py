"""The options of classify."""

from __future__ import annotations

from dataclasses import dataclass

from elman.tasks.pooled.options import PooledOptions
from elman.train.options import choice, real


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions(PooledOptions):
    """The options of classify."""

    class_weights: str = choice("none", ("none", "balanced"))
    """balanced lets every class weigh the same in the loss, however frequent it is."""
    label_smoothing: float = real(0.0, below=1.0)
    """Share of the target's probability that is spread over all classes."""
    rare_labels: str = choice("refuse", ("refuse", "keep"))
    """What is done where a class has one example, or none in test or validation data that came by themselves:
    refuse says which; keep goes on, and says so too."""
