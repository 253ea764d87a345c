"""A Program with its plans, and which tensor belongs to which buffer of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from elman.backends import native
from elman.backends.given import Form, Given
from elman.backends.spans import Spans
from elman.program import Program
from elman.program.adjoint import adjoint
from elman.program.graph import instructions
from elman.program.plans import AdjointPlan, ForwardPlan, adjoint_plan, forward_plan
from elman.program.schedule import Plan


class Compiled:
    """A Program with its adjoint, and its plans for each set of sizes; made once for each Program, and once
    more where all states are handed out, or where products take their operands in bfloat16."""

    _by_key: ClassVar[dict[tuple[str, bool, bool], Compiled]] = {}

    def __init__(self, program: Program, all_states: bool, bf16: bool) -> None:
        self.program = program
        self.all_states = all_states
        self.bf16 = bf16
        self.derived = adjoint(program, all_states)
        #: states whose values at every step are handed out
        self.shown = tuple(s.name for s in (program.states if all_states else program.states[:1]))
        #: how many tensors a run is given, how many of them may want a gradient, how many are handed out
        self.leaves = 1 + len(program.parameters) + len(program.states)
        self.inputs = self.leaves + len(program.masks) + 2
        self.outputs = len(self.shown) + len(program.states)
        graphs = (program.graph, self.derived.graph)
        #: names of the instructions that either pass uses
        self.operations = frozenset(i.op.name for graph in graphs for i in instructions(graph))
        read = {(s.kind, s.name) for s in (*self.derived.graph.inputs, *self.derived.operands)}
        #: further states whose values at every step the backward pass reads
        self.kept_states = tuple(
            s.name
            for s in program.states[len(self.shown) :]
            if ("state", s.name) in read or ("after", s.name) in read
        )
        self._forward: dict[tuple, ForwardPlan] = {}
        self._adjoint: dict[tuple, AdjointPlan] = {}

    @classmethod
    def by_key(cls, key: str, all_states: bool, bf16: bool) -> Compiled:
        """The compiled Program with that `Program.key`."""
        program = cls._by_key[key, False, False].program
        whole = key, all_states and len(program.states) > 1, bf16
        if whole not in cls._by_key:
            cls._by_key[whole] = Compiled(program, *whole[1:])
        return cls._by_key[whole]

    def given(self, tensors: Sequence[Tensor | None], form: Form) -> Given:
        """Back from `Given.tensors`."""
        return Given.of(self.program, tensors, form, self.all_states, self.bf16)

    def split(self, tensors: Sequence[Tensor | None], low: bool) -> tuple[Sequence[Tensor | None], Results]:
        """`Given.tensors` and, behind them, what was kept."""
        kept: Sequence[Any] = tensors[self.inputs :]
        return tensors[: self.inputs], Results.from_flat(self, kept, low)

    def forward(self, sizes: Mapping[str, int], keep: bool, training: bool = False) -> ForwardPlan:
        """The forward plan of those sizes; with `keep`, the one that stores for the backward pass; with
        `training` alone, one that stores nothing and gives the same bits as that."""
        key = (*sizes.values(), keep, training or keep)
        if key not in self._forward:
            derived = self.derived if training or keep else None
            self._forward[key] = forward_plan(self.program, sizes, derived, store=keep)
        return self._forward[key]

    def adjoint(self, sizes: Mapping[str, int], with_x: bool, by_row: bool = False) -> AdjointPlan:
        """The adjoint plan of those sizes; `with_x`, the one that also gives the gradient of x; with
        `by_row`, one that takes no sums."""
        key = (*sizes.values(), with_x, by_row)
        if key not in self._adjoint:
            self._adjoint[key] = adjoint_plan(self.program, sizes, self.derived, with_x, by_row)
        return self._adjoint[key]


def compiled(program: Program, all_states: bool = False, bf16: bool = False) -> Compiled:
    """The compiled form of a Program, derived at its first use."""
    plain = program.key, False, False
    if plain not in Compiled._by_key:
        Compiled._by_key[plain] = Compiled(program, False, False)
    return Compiled.by_key(program.key, all_states, bf16)


class Results(NamedTuple):
    """What the forward pass writes: states over time (T, B, W) by name, those that are handed out first; each
    final state (B, W); and for the backward pass the saved values (T, B, S), or in their place, with little
    memory, the states before each block but the first (N - 1, B, W)."""

    sequences: Mapping[str, Tensor]
    finals: Sequence[Tensor]
    saved: Tensor | None
    checkpoints: Sequence[Tensor] = ()

    @staticmethod
    def empty(
        plans: Compiled,
        sizes: Mapping[str, int],
        x: Tensor,
        keep: bool,
        blocks: int | None = None,
        into: Mapping[str, Tensor] | None = None,
        empty: Callable[..., Tensor] = native.empty,
    ) -> Results:
        """Uninitialised tensors, as `empty` makes them; those for the backward pass only with `keep`.

        blocks: their number, with little memory. into: sequences handed out that are there already.
        """
        steps, batch = x.shape[:2]
        states = plans.program.states
        widths = {state.name: sizes[state.width] for state in states}
        names = (*plans.shown, *plans.kept_states) if keep and blocks is None else plans.shown
        sequences = into or {name: empty(x, steps, batch, widths[name]) for name in names}
        finals = [empty(x, batch, width) for width in widths.values()]
        if blocks is not None:
            between: Any = torch.sym_max(blocks - 1, 0)
            rest = [empty(x, between, batch, width) for width in widths.values()]
            return Results(sequences, finals, None, rest)
        if not keep:
            return Results(sequences, finals, None)
        width = sum(sizes[value.width] for value in plans.derived.saved)
        return Results(sequences, finals, empty(x, steps, batch, width))

    def flat(self, plans: Compiled) -> list[Tensor]:
        """As a list: sequences handed out, finals, and what was kept: further sequences and saved values, or
        the states between blocks."""
        sequences, shown = list(self.sequences.values()), len(plans.shown)
        further = sequences[shown:] if self.saved is None else [*sequences[shown:], self.saved]
        return [*sequences[:shown], *self.finals, *further, *self.checkpoints]

    @staticmethod
    def from_flat(plans: Compiled, tensors: Sequence[Tensor], low: bool) -> Results:
        """Back from the list of a run with `keep`, and with little memory where `low`."""
        shown, end = len(plans.shown), len(plans.shown) + len(plans.program.states)
        if low:
            shown_ones = dict(zip(plans.shown, tensors, strict=False))
            return Results(shown_ones, tensors[shown:end], None, tensors[end:])
        names = (*plans.shown, *plans.kept_states)
        sequences = dict(zip(names, (*tensors[:shown], *tensors[end:-1]), strict=True))
        return Results(sequences, tensors[shown:end], tensors[-1])


def forward_arrays(plans: Compiled, plan: Plan, given: Given, to: Results) -> list[Any]:
    """One entry for each buffer of a forward plan."""
    found = _shared(given) | {("saved", ""): to.saved}
    for state, initial, final in zip(plans.program.states, given.states, to.finals, strict=True):
        found["state", state.name] = (initial, to.sequences.get(state.name), final)
    return [found.get((b.role, b.name)) for b in plan.buffers]


class Adjoints(NamedTuple):
    """What the adjoint pass writes: gradients at every step by stash (T, B, ·), gradients summed over rows
    and steps, those of the initial states (B, W) (None where there are none and no sequence is cut), and that
    of x (T, B, I) where the plan gives it."""

    stash: Mapping[str, Tensor]
    sums: Tensor
    initial: Sequence[Tensor | None]
    x: Tensor | None

    @staticmethod
    def empty(
        plan: AdjointPlan,
        given: Given,
        finals: Sequence[Tensor],
        with_x: bool,
        rows: int | None,
        by_row: bool,
    ) -> Adjoints:
        """Uninitialised tensors; `rows`: of the initial states, where sequences are cut. With `by_row` the
        sums have not been taken, they are (T, B, ·)."""
        x = given.x
        steps, batch, _ = x.shape
        stash = {name: native.empty(x, steps, batch, width) for name, width in plan.stashes.items()}
        initial: list[Tensor | None] = [
            None if state is None and rows is None else f.new_empty(rows or batch, f.shape[1])
            for state, f in zip(given.states, finals, strict=True)
        ]
        sums = native.empty(x, steps, batch, plan.sums) if by_row else x.new_empty(plan.sums)
        return Adjoints(stash, sums, initial, native.empty(x, *x.shape) if with_x else None)


def adjoint_arrays(
    plans: Compiled,
    plan: Plan,
    given: Given,
    kept: Results,
    gradients: Sequence[Tensor | None],
    to: Adjoints,
    spans: Spans | None,
) -> list[Any]:
    """One entry for each buffer of an adjoint plan; `gradients`: of the sequences handed out and the final
    states."""
    found = _shared(given) | {("saved", ""): kept.saved, ("sums", ""): to.sums}
    found |= {("stash", name): tensor for name, tensor in to.stash.items()} | {("dx", ""): to.x}
    found |= {("gradient", name): g for name, g in zip(plans.shown, gradients, strict=False)}
    of_finals, initial = gradients[len(plans.shown) :], given.states
    if spans is not None:
        of_finals, initial = spans.at_end(of_finals), spans.initial(given)
    for number, state in enumerate(plans.program.states):
        sequence = kept.sequences.get(state.name)
        found["carry", state.name] = (of_finals[number], None, to.initial[number])
        found["after", state.name] = sequence
        found["before", state.name] = (sequence, initial[number])
    return [found.get((b.role, b.name)) for b in plan.buffers]


def _shared(given: Given) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {
        ("parameter", name): tensor for name, tensor in given.parameters.items()
    }
    found["stream", "x"] = given.x
    for name, mask in given.masks.items():
        found["mask", name] = mask if mask.dim() == 3 else mask.expand(given.x.shape[0], -1, -1)
    return found
