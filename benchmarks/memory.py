"""The memory that a training call takes beyond what was there before it: of torch.nn and of elman.

Measured from outside: a fresh process makes layer, input and upstream gradient, takes one call at a small
size so that threads and libraries are there, resets the system's high-water mark of its resident memory,
trains once, and reads it. Counted is what the call keeps between its passes, workspace, outputs, gradients.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.context import Context
from benchmarks.peers.contestant import ROOT
from elman import nn
from elman.bench import layers
from elman.bench.agreement import disagreement
from elman.bench.record import Figure, Row, measure
from elman.bench.shapes import Shape

SHAPE = Shape(32, 1000, 256, 256)
OF_TORCH, OVER_FAST = 0.25, 1.4


def rows(context: Context) -> Iterator[Row]:
    """memory="low" beside "fast" and torch.nn, for an LSTM in training."""
    for shape in context.shapes_or(Shape(32, 100, 256, 256) if context.quick else SHAPE):
        context.starting(f"LSTM {shape} with memory=low")
        yield row(shape, context)


def row(shape: Shape, context: Context) -> Row:
    """Time and peak of one shape."""
    setup = layers.prepare("LSTM", shape)
    low = nn.LSTM(shape.input, shape.hidden, memory="low")
    low.load_state_dict(setup.ours.state_dict())
    found = layers.results(low, setup.input, setup.upstream)
    if wrong := disagreement(found, layers.results(setup.oracle, setup.input, setup.upstream), 1e-4):
        return Row("LSTM", "training", shape, wrong=wrong)
    contestants = {"torch": setup.theirs, "fast": setup.ours, "low": low}
    works = {n: layers.timed(m, "training", setup.input, setup.upstream) for n, m in contestants.items()}
    times = measure(works, context.effort, context.mm)
    peaks = {name: peak(name, "LSTM", shape, context.threads) for name in contestants}
    return Row(
        "LSTM",
        "training",
        shape,
        rounds=times.rounds,
        mm_gflops_per_second=times.mm,
        times=times.times(),
        figures={
            **{f"{name} MB": Figure(value / 1e6, "MB") for name, value in peaks.items()},
            "low / torch MB": Figure(peaks["low"] / peaks["torch"], "share", most=OF_TORCH),
            "low / fast time": Figure(times.ratio("low", "fast"), most=OVER_FAST),
        },
    )


def peak(whose: str, kind: str, shape: Shape, threads: int) -> int:
    """Bytes at the highest, over those before, of one training call; `whose`: torch, fast or low."""
    command = [sys.executable, "-m", "benchmarks.memory", whose, kind, str(shape), str(threads)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def resident(field: str) -> int:
    """VmRSS, the resident memory, or VmHWM, its highest since it was reset, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"this system does not tell {field}")


def measured(whose: str, kind: str, shape: Shape, threads: int) -> int:
    """As `peak`, in this process, which should be fresh."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(layers.SEED)
    made = layers.KINDS[kind].theirs if whose == "torch" else layers.KINDS[kind].ours
    layer = made(shape.input, shape.hidden, **({"memory": "low"} if whose == "low" else {}))
    input, upstream = layers.given(shape)
    layers.timed(layer, "training", input[:4].clone(), upstream[:4].clone())()
    work = layers.timed(layer, "training", input, upstream)
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    work()
    return resident("VmHWM") - before


if __name__ == "__main__":
    whose, kind, shape, threads = sys.argv[1:]
    print(measured(whose, kind, Shape.parse(shape), int(threads)))
