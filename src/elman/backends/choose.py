"""Which reader runs a Program for which tensors, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from elman.backends import autocast, engine, native, scan, torch_kernels
from elman.errors import BackendError, unknown
from elman.program import Program

READERS = ("engine", "torch", "scan", "reference")
CHOICES = ("auto", *READERS)
#: among what a run asks for
BF16 = "products of bfloat16"


def check_device(program: Program, device: torch.device, backend: str = "auto") -> None:
    """Raises `BackendError` for the meta device, whose tensors have no numbers: no reader serves it."""
    if device.type == "meta":
        raise BackendError(
            f"backend: {backend!r} cannot run {program.name} here: tensors on meta have no numbers. "
            'Give the layer memory with layer.to_empty(device="cpu"), then values with '
            "layer.reset_parameters() or layer.load_state_dict(...)."
        )


def choose(
    program: Program,
    device: torch.device,
    dtype: torch.dtype,
    backend: str = "auto",
    beyond: Sequence[str] = (),
) -> str:
    """The name of the reader for tensors of that device and dtype.

    `beyond`: what the run asks for besides a plain one, in words, such as "resets"; not all readers have it.

    Raises `ArgumentError` for an unknown backend and `BackendError` for a named one that cannot serve, and
    for the meta device, which none can; only "auto" chooses by itself: torch's own kernels only on CUDA,
    "scan" only in place of the reference, since on the engine its second walk costs more than two threads
    save.
    """
    check_device(program, device, backend)
    if backend == "reference":
        return backend
    if backend not in CHOICES:
        raise unknown("backend", backend, CHOICES)
    if backend == "auto":
        if not engine.obstacle(program, device, dtype, BF16 in beyond):
            return "engine"
        if device.type == "cuda" and not torch_kernels.obstacle(program, dtype, beyond):
            return "torch"
        return "reference" if scan.obstacle(program, beyond) else "scan"
    if backend == "engine":
        obstacle = engine.obstacle(program, device, dtype, BF16 in beyond)
    elif backend == "scan":
        obstacle = scan.obstacle(program, beyond)
    else:
        obstacle = torch_kernels.obstacle(program, dtype, beyond)
    if obstacle:
        raise BackendError(
            f"backend: {backend!r} cannot run {program.name} here: {obstacle} "
            'Use backend="auto" or backend="reference".'
        )
    return backend


@dataclass(frozen=True)
class Choice:
    """The reader that runs, and the reason in words."""

    reader: str
    reason: str

    def __str__(self) -> str:
        return f"{self.reader}: {self.reason}"


def explain_choice(
    program: Program, device: torch.device, dtype: torch.dtype, backend: str, bf16: bool = False
) -> Choice:
    """`choose`, with the reason; bf16: under an autocast that asks for products of bfloat16."""
    if backend != "auto":
        return Choice(choose(program, device, dtype, backend, (BF16,) if bf16 else ()), "named by the caller")
    reader = choose(program, device, dtype)
    if reader == "engine":
        lacking = engine.obstacle(program, device, dtype, bf16) if bf16 else ""
        told = f", in float32 though autocast is on: {lacking}" if lacking else f", {BF16}" if bf16 else ""
        return Choice(reader, f"{native.name_of(dtype)} on the CPU, {engine.describe()}{told}")
    if reader == "torch":
        return Choice(reader, "torch's own kernels, which on CUDA are cuDNN's")
    if reader == "scan":
        return Choice(
            reader,
            f"{engine.obstacle(program, device, dtype)} Its states enter linearly and elementwise, so "
            "chunks of time run side by side on a loop of torch operators.",
        )
    if device.type == "cuda":
        return Choice(
            reader,
            f"{torch_kernels.obstacle(program, dtype)} On CUDA all else runs as a loop of torch operators, "
            "until there is a reader for the GPU.",
        )
    return Choice(reader, engine.obstacle(program, device, dtype))


class Layer(Protocol):
    """What `explain` reads of a layer of `elman.nn`."""

    @property
    def running_program(self) -> Program: ...

    @property
    def backend(self) -> str: ...

    def parameters(self) -> Iterator[Tensor]: ...


def explain(layer: Layer, input: Tensor | None = None) -> Choice:
    """Which reader runs `layer`, and why: `print(elman.explain(layer))`.

    Args:
        layer: a layer of `elman.nn`.
        input: a tensor as it would be given to the layer; without it, one like its
            weights is assumed.

    Raises `BackendError` where the layer names a reader that cannot serve, as the layer itself would.
    """
    weight = next(layer.parameters())
    if autocast.asked(weight):
        return explain_choice(layer.running_program, weight.device, weight.dtype, layer.backend, bf16=True)
    like = weight if input is None else input
    return explain_choice(layer.running_program, like.device, like.dtype, layer.backend)
