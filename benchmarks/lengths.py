"""What more steps cost: time and memory grow with the steps, and padding costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from benchmarks.context import Context
from benchmarks.memory import peak
from elman.bench import layers
from elman.bench.agreement import disagreement
from elman.bench.record import Figure, Row, measure
from elman.bench.shapes import Shape

GROWING = (Shape(1, 100, 64, 64), Shape(8, 100, 128, 128))
TIMES_LONGER = 100
LINEAR = 1.1
RAGGED = (Shape(32, 100, 128, 128), Shape(64, 100, 256, 256))
REAL = 1.15


def growth(context: Context) -> Iterator[Row]:
    """LSTM over T and over 100 T steps: the cost of a step of the long one beside that of the short one."""
    longer = 10 if context.quick else TIMES_LONGER
    for shape in context.shapes_or(*GROWING):
        context.starting(f"LSTM {shape} and {longer} times as many steps")
        long = Shape(shape.batch, shape.time * longer, shape.input, shape.hidden)
        short_setup, long_setup = layers.prepare("LSTM", shape), layers.prepare("LSTM", long)
        wrong = disagreement(
            layers.both_modes(long_setup.ours, long_setup),
            layers.both_modes(long_setup.oracle, long_setup),
            1e-4,
        )
        if wrong:
            yield Row("LSTM", "training", long, wrong=wrong)
            continue
        works = {
            name: layers.timed(setup.ours, "training", setup.input, setup.upstream)
            for name, setup in (("T", short_setup), (f"{longer} T", long_setup))
        }
        times = measure(works, context.effort, context.mm)
        middle = replace(shape, time=10 * shape.time)
        few, many = (peak("fast", "LSTM", s, context.threads) for s in (middle, long))
        yield Row(
            "LSTM",
            "training",
            shape,
            rounds=times.rounds,
            mm_gflops_per_second=times.mm,
            times=times.times(),
            figures={
                "time a step": Figure(times.ratio(f"{longer} T", "T") / longer, most=LINEAR),
                "memory a step": Figure(many / few * middle.time / long.time, most=LINEAR),
            },
        )


def ragged(context: Context) -> Iterator[Row]:
    """Lengths drawn evenly from 1 … T: the cost of a real step beside that of one in a full batch."""
    for kind in context.kinds:
        for shape in context.shapes_or(*RAGGED):
            context.starting(f"{kind} {shape} with ragged lengths")
            yield _ragged(kind, shape, context)


def _ragged(kind: str, shape: Shape, context: Context) -> Row:
    setup = layers.prepare(kind, shape)
    generator = torch.Generator().manual_seed(layers.SEED)
    lengths = torch.randint(1, shape.time + 1, (shape.batch,), generator=generator)
    with_lengths = _WithLengths(setup.ours, lengths)
    found = layers.results(with_lengths, setup.input, setup.upstream)
    oracle = layers.results(_OneByOne(setup.oracle, lengths), setup.input, setup.upstream)
    if wrong := disagreement(found, oracle):
        return Row(kind, "training", shape, wrong=wrong)
    works: dict[str, Callable[[], object]] = {
        name: layers.timed(layer, "training", setup.input, setup.upstream)
        for name, layer in (("full", setup.ours), ("ragged", with_lengths))
    }
    times = measure(works, context.effort, context.mm)
    real = lengths.sum().item() / (shape.batch * shape.time)
    return Row(
        kind,
        "training",
        shape,
        rounds=times.rounds,
        mm_gflops_per_second=times.mm,
        times=times.times(),
        figures={
            "real steps": Figure(real, "share"),
            "cost of a real step": Figure(times.ratio("ragged", "full") / real, most=REAL),
        },
    )


class _WithLengths(torch.nn.Module):
    """One of elman's layers, called with these lengths."""

    def __init__(self, layer: torch.nn.Module, lengths: Tensor) -> None:
        super().__init__()
        self.layer = layer
        self.call = partial(layer, lengths=lengths)

    def forward(self, x: Tensor) -> tuple[Tensor, object]:
        return self.call(x)


class _OneByOne(torch.nn.Module):
    """torch's layer on each sequence alone; zeros past its length."""

    def __init__(self, layer: torch.nn.Module, lengths: Tensor) -> None:
        super().__init__()
        self.layer, self.lengths = layer, lengths.tolist()

    def forward(self, x: Tensor) -> tuple[Tensor, object]:
        outputs, states = [], []
        for number, length in enumerate(self.lengths):
            output, state = self.layer(x[:length, number : number + 1])
            outputs.append(torch.nn.functional.pad(output, (0, 0, 0, 0, 0, len(x) - length)))
            states.append(state if isinstance(state, tuple) else (state,))
        joined = tuple(torch.cat(parts, 1) for parts in zip(*states, strict=True))
        return torch.cat(outputs, 1), joined
