"""Two threads beside one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from benchmarks.context import Context
from elman.bench import layers
from elman.bench.agreement import disagreement
from elman.bench.record import Figure, Row, measure
from elman.bench.shapes import FULL, Shape

SHAPES = tuple(shape for shape in FULL if shape.batch >= 32)
TWO_OVER_ONE = 1.8


def with_threads(count: int, work: Callable[[], object]) -> Callable[[], None]:
    """`work` on so many threads."""

    def done() -> None:
        torch.set_num_threads(count)
        work()

    return done


def rows(context: Context) -> Iterator[Row]:
    """One row for each kind of layer, shape and mode."""
    before = torch.get_num_threads()
    try:
        for kind in context.kinds:
            for shape in context.shapes_or(*(SHAPES[:2] if context.quick else SHAPES)):
                for mode in context.modes:
                    context.starting(f"{kind} {shape} {mode} on one thread and on two")
                    yield row(kind, shape, mode, context)
    finally:
        torch.set_num_threads(before)


def row(kind: str, shape: Shape, mode: layers.Mode, context: Context) -> Row:
    """Times both counts; the results of both are checked."""
    setup = layers.prepare(kind, shape)
    right = layers.both_modes(setup.oracle, setup)
    for count in (1, 2):
        torch.set_num_threads(count)
        if wrong := disagreement(layers.both_modes(setup.ours, setup), right):
            return Row(kind, mode, shape, wrong=f"{count} thread(s): {wrong}")
    work = layers.timed(setup.ours, mode, setup.input, setup.upstream)
    times = measure(
        {"1 thread": with_threads(1, work), "2 threads": with_threads(2, work)}, context.effort, context.mm
    )
    return Row(
        kind,
        mode,
        shape,
        rounds=times.rounds,
        mm_gflops_per_second=times.mm,
        times=times.times(),
        figures={"1 / 2 threads": Figure(times.ratio("1 thread", "2 threads"), least=TWO_OVER_ONE)},
    )
