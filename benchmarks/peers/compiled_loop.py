"""A variant's plain loop under torch.compile, in training; arguments: name, shape, threads."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.peers.serve import serve
from benchmarks.variants import VARIANTS, LoopModule, layer_of
from elman.bench import layers
from elman.bench.agreement import disagreement
from elman.bench.shapes import Shape


def prepare(name: str, shape: Shape, threads: int) -> tuple[Callable[[], object], dict[str, Any]]:
    """The work of one training call, compiled, once its results agree with the loop's own."""
    torch.set_num_threads(threads)
    variant, (input, upstream) = VARIANTS[name], layers.given(shape)
    module = LoopModule(variant, layer_of(variant, shape))
    module.masks = variant.masks(input, shape.hidden)
    right = layers.results(module, input, upstream)
    module.loop = torch.compile(variant.loop, dynamic=False)
    if wrong := disagreement(layers.results(module, input, upstream), right, tolerance=1e-4):
        raise ValueError(wrong)
    module.masks = None
    return layers.timed(module, "training", input, upstream), {}


if __name__ == "__main__":
    serve(lambda: prepare(sys.argv[1], Shape.parse(sys.argv[2]), int(sys.argv[3])))
