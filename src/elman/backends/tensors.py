"""Which tensor belongs to which buffer of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.program import Program
from elman.program.adjoint import adjoint
from elman.program.graph import instructions, products
from elman.program.plans import AdjointPlan, ForwardPlan, adjoint_plan, forward_plan


class Compiled:
    """A Program with its adjoint, and its plans for each set of sizes; made once for each Program."""

    _by_key: ClassVar[dict[str, Compiled]] = {}

    def __init__(self, program: Program) -> None:
        self.program = program
        self.derived = adjoint(program)
        graph = program.graph
        inside = {name for node in products(graph) for name in (node.weight, node.bias) if name}
        inside |= {source.name for source in graph.inputs if source.kind == "vector"}
        #: names of the parameters used inside the loop, in the Program's order
        self.parameters = tuple(p.name for p in program.parameters if p.name in inside)
        read = {(s.kind, s.name) for s in (*self.derived.graph.inputs, *self.derived.operands)}
        #: states beyond the output whose values at every step the backward pass reads
        self.kept_states = tuple(
            s.name for s in program.states[1:] if ("state", s.name) in read or ("after", s.name) in read
        )
        #: names of the instructions that either pass uses
        self.operations = tuple(
            sorted({i.op.name for g in (graph, self.derived.graph) for i in instructions(g)})
        )
        self._symbols = self._where_symbols_stand()
        self._forward: dict[tuple, ForwardPlan] = {}
        self._adjoint: dict[tuple, AdjointPlan] = {}

    @classmethod
    def by_key(cls, key: str) -> Compiled:
        """The compiled Program with that `Program.key`."""
        return cls._by_key[key]

    def named(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
        """The loop's parameters by name."""
        return dict(zip(self.parameters, parameters, strict=True))

    def sizes(
        self, streams: Sequence[Tensor], parameters: Sequence[Tensor], states: Sequence[Tensor]
    ) -> dict[str, int]:
        """Numbers for the width symbols, read off the tensors."""
        tensors = (*streams, *parameters, *states)
        sizes = {"I": 0, "H": 0, "P": 0}
        for symbol, index, axis, blocks in self._symbols:
            sizes[symbol] = tensors[index].shape[axis] // blocks
        return sizes

    def _where_symbols_stand(self) -> tuple[tuple[str, int, int, int], ...]:
        """(symbol, which of the tensors, axis, blocks on that axis), one for each symbol that occurs."""
        program = self.program
        parameters = [program.parameter(name) for name in self.parameters]
        stands = [(s.width, -1, s.count) for s in program.streams]
        stands += [(p.width, 0, p.gates) for p in parameters]
        stands += [(s.width, -1, 1) for s in program.states]
        found = {symbol: (symbol, index, axis, blocks) for index, (symbol, axis, blocks) in enumerate(stands)}
        return tuple(found.values())

    def forward(self, sizes: Mapping[str, int], keep: bool) -> ForwardPlan:
        """The forward plan of those sizes; with `keep`, the one that stores for the backward pass."""
        key = (*sizes.values(), keep)
        if key not in self._forward:
            self._forward[key] = forward_plan(self.program, sizes, self.derived if keep else None)
        return self._forward[key]

    def adjoint(self, sizes: Mapping[str, int]) -> AdjointPlan:
        """The adjoint plan of those sizes."""
        key = tuple(sizes.values())
        if key not in self._adjoint:
            self._adjoint[key] = adjoint_plan(self.program, sizes, self.derived)
        return self._adjoint[key]

    def empty_results(
        self, sizes: Mapping[str, int], stream: Tensor, states: Sequence[Tensor], keep: bool
    ) -> list[Tensor]:
        """Uninitialised [output, final states …], with `keep` also [kept states over time …, saved]."""
        steps, batch = stream.shape[:2]
        widths = {s.name: sizes[s.width] for s in self.program.states}
        sequences = [self.program.states[0].name, *(self.kept_states if keep else ())]
        over_time = [stream.new_empty(steps, batch, widths[name]) for name in sequences]
        finals = [torch.empty_like(state, memory_format=torch.contiguous_format) for state in states]
        if not keep:
            return [*over_time, *finals]
        saved = sum(sizes[value.width] for value in self.derived.saved)
        return [over_time[0], *finals, *over_time[1:], stream.new_empty(steps, batch, saved)]

    def sequences(self, results: Sequence[Tensor]) -> dict[str, Tensor]:
        """The states over time that `empty_results` with `keep` made room for, by name."""
        names = (self.program.states[0].name, *self.kept_states)
        after_finals = 1 + len(self.program.states)
        return dict(
            zip(
                names,
                [results[0], *results[after_finals : after_finals + len(self.kept_states)]],
                strict=True,
            )
        )


def compiled(program: Program) -> Compiled:
    """The compiled form of a Program, derived at its first use."""
    if program.key not in Compiled._by_key:
        Compiled._by_key[program.key] = Compiled(program)
    return Compiled._by_key[program.key]


def forward_arrays(
    plans: Compiled,
    plan: ForwardPlan,
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    results: Sequence[Tensor],
) -> list[Any]:
    """One entry for each buffer of the forward plan."""
    names = [s.name for s in plans.program.states]
    kept = len(results) > 1 + len(states)
    sequences = plans.sequences(results) if kept else {names[0]: results[0]}
    found: dict[tuple[str, str], Any] = {("saved", ""): results[-1]}
    found |= _shared(plans, streams, parameters)
    for number, name in enumerate(names):
        found["state", name] = (states[number], sequences.get(name), results[1 + number])
    return [found.get((b.role, b.name)) if b.role != "scratch" else None for b in plan.plan.buffers]


def adjoint_arrays(
    plans: Compiled,
    plan: AdjointPlan,
    gradient: Tensor | None,
    final_gradients: Sequence[Tensor | None],
    streams: Sequence[Tensor],
    parameters: Sequence[Tensor],
    states: Sequence[Tensor],
    kept: Sequence[Tensor],
    stash: Mapping[str, Tensor],
    sums: Mapping[str, Tensor],
    initial: Sequence[Tensor],
) -> list[Any]:
    """One entry for each buffer of the adjoint plan; `initial` takes the gradients of the initial states."""
    sequences = plans.sequences(kept)
    found: dict[tuple[str, str], Any] = {("saved", ""): kept[-1]}
    found |= {("stash", name): tensor for name, tensor in stash.items()}
    found |= _shared(plans, streams, parameters)
    found |= {("sum", name): tensor for name, tensor in sums.items()}
    found["gradient", plans.program.states[0].name] = gradient
    for number, state in enumerate(plans.program.states):
        found["carry", state.name] = (final_gradients[number], None, initial[number])
        found["after", state.name] = sequences.get(state.name)
        found["before", state.name] = (sequences.get(state.name), states[number])
    return [found.get((b.role, b.name)) if b.role != "scratch" else None for b in plan.plan.buffers]


def _shared(
    plans: Compiled, streams: Sequence[Tensor], parameters: Sequence[Tensor]
) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {
        ("stream", stream.name): tensor for stream, tensor in zip(plans.program.streams, streams, strict=True)
    }
    return found | {("parameter", name): tensor for name, tensor in plans.named(parameters).items()}
