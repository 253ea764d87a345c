"""The gated variants: beside the plain cell with as many gates, and beside a plain torch loop, compiled too.

The loop in float64 is the oracle. The masks that the layer draws are taken down and given to it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks import loops
from benchmarks.context import Context
from benchmarks.peers.contestant import Contestant, UnavailableError
from benchmarks.peers.serve import burst
from elman import cells
from elman.backends import recurrence
from elman.bench import layers
from elman.bench.agreement import disagreement
from elman.bench.record import Figure, Row, measure
from elman.bench.shapes import Shape
from elman.nn import Recurrent

SHAPES = (Shape(32, 100, 128, 128), Shape(1, 100, 64, 64))
COMPILE_SECONDS = 120
OVER_PLAIN = 1.3
OVER_LOOP = {32: 8.0, 1: 20.0}  # by sequences
P = 0.25  # probability of every mask

Masks = Mapping[str, Tensor]


def no_masks(x: Tensor, hidden: int) -> Masks:
    return {}


def dropped(x: Tensor, hidden: int) -> Masks:
    """Masks of variational dropout, one a sequence."""
    drop_x = x.new_empty(x.shape[1:]).bernoulli_(1 - P).div_(1 - P)
    return {"drop_x": drop_x, "drop_h": x.new_empty(x.shape[1], hidden).bernoulli_(1 - P).div_(1 - P)}


def zoned(x: Tensor, hidden: int) -> Masks:
    """Masks of zoneout, for every step."""
    return {name: x.new_empty(*x.shape[:2], hidden).bernoulli_(P) for name in ("zone_h", "zone_c")}


Maker = Callable[[int, int], Recurrent]


@dataclass(frozen=True)
class Variant:
    """A layer (of input and hidden size), the plain layer with as many gates, and the loop with its masks."""

    layer: Maker
    plain: str
    loop: loops.Loop
    masks: Callable[[Tensor, int], Masks] = no_masks


def _layer(cell: str, options: Mapping[str, Any] | None = None, **of_the_layer: Any) -> Maker:
    return lambda input, hidden: Recurrent(
        cells.create(cell, **(options or {})), input, hidden, **of_the_layer
    )


VARIANTS = {
    "LSTM, layer norm": Variant(_layer("lstm", {"layer_norm": True}), "LSTM", loops.layer_norm_lstm),
    "LSTM, peepholes": Variant(_layer("lstm", {"peepholes": True}), "LSTM", loops.peephole_lstm),
    "LSTM, zoneout": Variant(_layer("lstm", zoneout=P), "LSTM", loops.lstm, zoned),
    "LSTM, variational dropout": Variant(
        _layer("lstm", input_dropout=P, recurrent_dropout=P), "LSTM", loops.lstm, dropped
    ),
    "GRU, reset before": Variant(_layer("gru", {"reset_after": False}), "GRU", loops.gru_reset_before),
    "Jordan": Variant(_layer("jordan"), "RNN", loops.jordan),
    "sLSTM": Variant(_layer("slstm"), "LSTM", loops.slstm),
}


def layer_of(variant: Variant, shape: Shape) -> Recurrent:
    """The layer with its weights, the same at every call."""
    torch.manual_seed(layers.SEED)
    layer = variant.layer(shape.input, shape.hidden)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if name.startswith("norm"):  # with scales of 1 it is chaotic: float32 and float64 part ways
                parameter.mul_(0.5)
            # some start as constants, which would hide what is left out
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return layer


@contextmanager
def masks_seen(x: Tensor) -> Iterator[dict[str, Tensor]]:
    """The masks that a layer draws while it runs on x (T, B, I), by name; `drop_x` is that of its input."""
    seen: dict[str, Tensor] = {}

    def listening(program: object, given: Tensor, *rest: object, **options: object) -> object:
        masks = options.get("masks") or {}
        assert isinstance(masks, Mapping)
        seen.update(masks)
        if given is not x and not torch.equal(given, x):
            seen["drop_x"] = (given[0] / x[0]).detach()
        return recurrence(program, given, *rest, **options)  # type: ignore[arg-type]

    with patch("elman.nn.recurrent.recurrence", listening):
        yield seen


def wrong(variant: Variant, layer: Recurrent, input: Tensor, upstream: Tensor) -> str:
    """What of the layer's results does not agree with the loop in float64; "" where all do."""
    with masks_seen(input) as seen:
        found = layers.results(layer, input, upstream)
    oracle = LoopModule(variant, layer).double()
    oracle.masks = {name: mask.double() for name, mask in seen.items()}
    right = layers.results(oracle, input, upstream)
    return disagreement(
        found, {name.replace("gradient of p.", "gradient of "): t for name, t in right.items()}
    )


class LoopModule(torch.nn.Module):
    """A loop with a copy of a layer's parameters; draws its own masks unless it is given some."""

    def __init__(self, variant: Variant, layer: Recurrent) -> None:
        super().__init__()
        self.loop, self.draw, self.hidden = variant.loop, variant.masks, layer.hidden_size
        self.p = torch.nn.ParameterDict({n: p.detach().clone() for n, p in layer.named_parameters()})
        self.masks: Masks | None = None

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """As the layer; its states have a dimension of layers, which is 1."""
        masks = self.draw(x, self.hidden) if self.masks is None else self.masks
        output, states = self.loop(x, dict(self.p.items()), masks)
        return output, tuple(state.unsqueeze(0) for state in states)


def rows(context: Context) -> Iterator[Row]:
    """One row for each variant and shape, in training."""
    for shape in context.shapes_or(*SHAPES):
        for name in VARIANTS:
            context.starting(f"{name} {shape}")
            yield row(name, shape, context)


def row(name: str, shape: Shape, context: Context) -> Row:
    """Times the variant, its plain cell, the loop and the compiled loop."""
    variant = VARIANTS[name]
    layer, (input, upstream) = layer_of(variant, shape), layers.given(shape)
    if found := wrong(variant, layer, input, upstream):
        return Row(name, "training", shape, wrong=found)
    plain = layers.KINDS[variant.plain].ours(shape.input, shape.hidden)
    contestants = {"elman": layer, "plain cell": plain, "loop": LoopModule(variant, layer)}
    works: dict[str, Callable[[], object]] = {
        what: partial(burst, layers.timed(module, "training", input, upstream), 0.0)
        for what, module in contestants.items()
    }
    notes = {}
    with ExitStack() as stack:
        if not context.quick:
            context.starting(f"{name} {shape}: compiling its loop")
            try:
                works["compiled loop"] = stack.enter_context(compiled(name, shape, context.threads))
            except UnavailableError as unavailable:
                notes["compiled / elman"] = str(unavailable)
        times = measure(works, context.effort, context.mm)
    figures = {
        "over plain": Figure(times.ratio("elman", "plain cell"), most=OVER_PLAIN),
        "loop / elman": Figure(times.ratio("loop", "elman"), least=OVER_LOOP.get(shape.batch)),
    }
    if "compiled loop" in works:
        figures["compiled / elman"] = Figure(times.ratio("compiled loop", "elman"))
    return Row(
        name,
        "training",
        shape,
        rounds=times.rounds,
        mm_gflops_per_second=times.mm,
        times=times.times(),
        figures=figures,
        notes=notes,
    )


def compiled(name: str, shape: Shape, threads: int, limit: float = COMPILE_SECONDS) -> Contestant:
    """The loop under torch.compile; raises `UnavailableError` where it does not compile within the limit."""
    command = [sys.executable, "-m", "benchmarks.peers.compiled_loop", name, str(shape), str(threads)]
    return Contestant(command, limit, "compile")
