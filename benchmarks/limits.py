"""What the machine can do at best: the rate of matrix products, and bandwidth by where the bytes lie."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from elman.bench.timing import MatrixRate, seconds_of

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def cache_sizes() -> Mapping[int, int]:
    """Bytes of the data caches by level, as the system tells them; without that, 1 MiB and 32 MiB."""
    sizes = {2: 2**20, 3: 2**25}
    for index in CACHES.glob("index*"):
        if (index / "type").read_text().strip() != "Instruction":
            kilobytes = (index / "size").read_text().strip().removesuffix("K")
            sizes[int((index / "level").read_text())] = int(kilobytes) * 1024
    return sizes


@dataclass(frozen=True)
class Limits:
    """flops per second of torch.mm, and bytes per second of L2, L3 and memory, of all threads together; the
    sizes up to which bytes stay in L2 (all threads') and in L3."""

    flops: float
    l2: float
    l3: float
    memory: float
    l2_bytes: int
    l3_bytes: int

    def bandwidth(self, working_set: int) -> float:
        """Bytes per second for a working set of so many bytes."""
        if working_set <= self.l2_bytes:
            return self.l2
        return self.l3 if working_set <= self.l3_bytes else self.memory

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def measure(mm: MatrixRate, threads: int) -> Limits:
    """Bandwidth is that of b = a + 1 with a and b together filling half of L2, half of L3, or 12 times L3.

    In L2 it is measured on one core and taken as often as there are threads: each core has its own.
    """
    sizes = cache_sizes()
    small = np.ones(sizes[2] // 16, np.float32)
    out = np.empty_like(small)
    in_l2 = _fastest(lambda: np.add(small, np.float32(1), out=out), 500)
    return Limits(
        flops=mm.rate() * 1e9,
        l2=threads * 2 * small.nbytes / in_l2,
        l3=_streaming(sizes[3] // 2),
        memory=_streaming(sizes[3] * 12),
        l2_bytes=threads * sizes[2],
        l3_bytes=sizes[3],
    )


def _streaming(size: int) -> float:
    """Bytes per second of torch over arrays of `size` bytes together, on its threads."""
    a = torch.ones(size // 8)
    b = torch.empty_like(a)
    return 8 * a.numel() / _fastest(lambda: torch.add(a, 1.0, out=b), 15)


def _fastest(work: Callable[[], object], repeats: int) -> float:
    """The first quartile of the times: what is seldom disturbed."""
    times = [seconds_of(work) for _ in range(repeats)]
    return statistics.quantiles(times, n=4)[0]
