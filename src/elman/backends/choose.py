"""Which reader runs a Program for which tensors, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from elman.backends import engine, native
from elman.errors import BackendError, unknown
from elman.program import Program

READERS = ("engine", "reference")
CHOICES = ("auto", *READERS)


def choose(program: Program, device: torch.device, dtype: torch.dtype, backend: str = "auto") -> str:
    """The name of the reader for tensors of that device and dtype.

    Raises `ArgumentError` for an unknown backend and `BackendError` for a named one that cannot serve; only
    "auto" chooses by itself.
    """
    if backend == "reference":
        return backend
    if backend not in CHOICES:
        raise unknown("backend", backend, CHOICES)
    obstacle = engine.obstacle(program, device, dtype)
    if obstacle and backend == "engine":
        raise BackendError(
            f"backend: 'engine' cannot run {program.name} here: {obstacle} "
            'Use backend="auto" or backend="reference".'
        )
    return "reference" if obstacle else "engine"


@dataclass(frozen=True)
class Choice:
    """The reader that runs, and the reason in words."""

    reader: str
    reason: str

    def __str__(self) -> str:
        return f"{self.reader}: {self.reason}"


def explain_choice(program: Program, device: torch.device, dtype: torch.dtype, backend: str) -> Choice:
    """`choose`, with the reason."""
    reader = choose(program, device, dtype, backend)
    if backend != "auto":
        return Choice(reader, "named by the caller")
    if reader == "engine":
        return Choice(reader, f"{native.name_of(dtype)} on the CPU, {engine.describe()}")
    return Choice(reader, engine.obstacle(program, device, dtype))


class Layer(Protocol):
    """What `explain` reads of a layer of `elman.nn`."""

    @property
    def program(self) -> Program: ...

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
    like = input if input is not None else next(layer.parameters())
    return explain_choice(layer.program, like.device, like.dtype, layer.backend)
