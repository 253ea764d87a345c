"""A Program: the traced time step of one cell, with its parameters and states."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from elman.errors import wrong
from elman.program import linear, listing
from elman.program.cost import Cost, cost
from elman.program.graph import Graph, Source, Value
from elman.program.starts import Init


@dataclass(frozen=True)
class State:
    """A vector carried from step to step, `width` features for each sequence: "H", "P", or "I"."""

    name: str
    width: str = "H"


@dataclass(frozen=True)
class Parameter:
    """A learned array of a cell: `gates` blocks of `width` rows, by `columns` (None: a vector).

    With `heads`, a weight is block-diagonal: each gate's rows are that many parts, and part n reads only the
    n-th of as many parts of the operand, so the array has columns / heads columns.
    `init` is one of the names in `INITS`, a number for each gate (None in it: the default), or one of the
    other forms in `starts.py`.
    """

    name: str
    gates: int
    width: str
    columns: str | None = None
    init: Init = "uniform"
    heads: int = 1

    def shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        """Numbers for the symbols: `sizes` maps "I", "H", "P" to features.

        Raises `ArgumentError` where they cannot be parted into so many heads.
        """
        rows = self.gates * sizes[self.width]
        if self.columns is None:
            return (rows,)
        for symbol in (self.width, self.columns):
            if sizes[symbol] % self.heads:
                raise wrong(
                    {"I": "input_size", "H": "hidden_size", "P": "proj_size"}[symbol],
                    expected=f"a multiple of the {self.heads} heads of {self.name!r}",
                    got=sizes[symbol],
                    remedy="Choose sizes that all heads share evenly, or another number of heads.",
                )
        return (rows, sizes[self.columns] // self.heads)


@dataclass(frozen=True)
class Stream:
    """What enters each step from outside: x itself (`weight` None), or a projection of x, which waits for no
    state: gates `first` … `first + count - 1` of `weight`, plus `bias`."""

    name: str
    width: str
    weight: str | None = None
    bias: str | None = None
    first: int = 0
    count: int = 1
    heads: int = 1


@dataclass(frozen=True)
class Mask:
    """Numbers that a step reads and nobody learns, such as dropout's: `width` features (a symbol) for each
    sequence. They are given for each run, as (B, W), the same at every step, or as (T, B, W)."""

    name: str
    width: str = "H"


@dataclass(frozen=True, eq=False)
class Program:
    """The equations of one time step, ready for the readers; made by `Cell.program`.

    The output of a step is its first state. `print(program)` shows the listing. `masks` are in no cell's own
    Program: `elman.program.regularise` adds them.
    """

    name: str
    states: tuple[State, ...]
    parameters: tuple[Parameter, ...]
    streams: tuple[Stream, ...]
    graph: Graph
    masks: tuple[Mask, ...] = ()

    def __str__(self) -> str:
        return listing.listing(self)

    def latex(self) -> str:
        r"""The equations as an `aligned` block, one line for each value that the cell's author named."""
        return listing.latex(self)

    def cost(self, batch: int, time: int, input: int, hidden: int, projection: int = 0) -> Cost:
        """Parameters, and floating-point operations and bytes of one forward pass.

        Args:
            batch: sequences. time: steps. input, hidden, projection: features (projection 0: as hidden).
        """
        return cost(self, batch, time, {"I": input, "H": hidden, "P": projection or hidden})

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name."""
        return next(p for p in self.parameters if p.name == name)

    @cached_property
    def stream_values(self) -> tuple[tuple[Value, ...], ...]:
        """For each stream, the Graph's inputs that its gates are."""
        inputs = self.graph.inputs
        return tuple(
            tuple(inputs[Source("stream", stream.name, gate)] for gate in range(stream.count))
            for stream in self.streams
        )

    @cached_property
    def projected(self) -> frozenset[Value]:
        """The Graph's inputs that are projections of x."""
        streams = zip(self.streams, self.stream_values, strict=True)
        return frozenset(v for stream, values in streams if stream.weight is not None for v in values)

    @cached_property
    def state_values(self) -> tuple[tuple[Value | None, Value], ...]:
        """For each state, its value before the step (None where the step does not read it) and after it."""
        graph = self.graph
        sources = [Source("state", state.name) for state in self.states]
        return tuple((graph.inputs.get(source), graph.outputs[source]) for source in sources)

    @cached_property
    def mask_values(self) -> tuple[Value, ...]:
        """For each mask, the Graph's input that it is."""
        return tuple(self.graph.inputs[Source("mask", mask.name)] for mask in self.masks)

    @cached_property
    def scans(self) -> tuple[tuple[str, ...], ...]:
        """The groups of states that enter linearly and elementwise, each free of later ones (see `linear`).

        Where they hold all states, time may be cut into stretches that are walked side by side.
        """
        return linear.groups(self)

    @cached_property
    def key(self) -> str:
        """A short hash of everything a reader could depend on: equal Programs have equal keys."""
        declared = (self.states, self.parameters, self.streams, self.masks)
        parts = (*map(str, declared), listing.canonical(self.graph))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
