"""Training under torch.autocast with bfloat16 products, beside elman's own float32."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.context import Context
from elman.bench import layers
from elman.bench.agreement import disagreement
from elman.bench.record import Figure, Row, measure
from elman.bench.shapes import Shape

SHAPES = (Shape(32, 100, 256, 256), Shape(64, 100, 512, 512), Shape(64, 50, 1024, 1024))
OVER_FLOAT32 = 1.5
TOLERANCE = 5e-2  # of a tensor's scale: operands of 8 bits, over many steps


class Autocast(torch.nn.Module):
    """A layer under torch.autocast in bfloat16."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, object]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.layer(x)


def obstacle() -> str:
    """Why there are no bfloat16 products on this machine; "" where there are."""
    return "" if torch.cpu._is_avx512_bf16_supported() else "no AVX512-BF16 on this machine"


def rows(context: Context) -> Iterator[Row]:
    """One row for each kind of layer and shape."""
    for kind in context.kinds:
        for shape in context.shapes_or(*(SHAPES[:1] if context.quick else SHAPES)):
            context.starting(f"{kind} {shape} in bfloat16")
            yield row(kind, shape, context)


def row(kind: str, shape: Shape, context: Context) -> Row:
    """Times both types; a machine without bfloat16 products gets a note."""
    if missing := obstacle():
        return Row(kind, "training", shape, notes={"float32 / bf16": missing})
    setup = layers.prepare(kind, shape)
    half = Autocast(setup.ours)
    found = {n.replace("layer.", ""): t for n, t in layers.results(half, setup.input, setup.upstream).items()}
    if wrong := disagreement(found, layers.results(setup.oracle, setup.input, setup.upstream), TOLERANCE):
        return Row(kind, "training", shape, wrong=wrong)
    works = {
        name: layers.timed(layer, "training", setup.input, setup.upstream)
        for name, layer in (("float32", setup.ours), ("bf16", half))
    }
    times = measure(works, context.effort, context.mm)
    return Row(
        kind,
        "training",
        shape,
        rounds=times.rounds,
        mm_gflops_per_second=times.mm,
        times=times.times(),
        figures={"float32 / bf16": Figure(times.ratio("float32", "bf16"), least=OVER_FLOAT32)},
    )
