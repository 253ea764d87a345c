"""Regularisers as rewrites: a Program in, a Program that reads masks out. They hold for any cell.

What the masks hold is decided for each run by the caller: drawn anew in training, expectations in evaluation.
The rewritten Program knows no probability, so one serves all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from elman.errors import unknown
from elman.program.graph import Graph, Instruction, Node, Product, Source, Value
from elman.program.instructions import lookup
from elman.program.program import Mask, Program, State

DROP, ZONE = "drop", "zone"


def regularise(program: Program, *, recurrent_dropout: bool = False, zoneout: Iterable[str] = ()) -> Program:
    """The Program with masks on its recurrence; made once for each set of options.

    Args:
        recurrent_dropout: a mask `drop_{state}` multiplies each state where it enters a product of the step
            (Gal & Ghahramani 2016, arXiv:1512.05287): itself, or within the operand, as in U(r * h). What is
            carried past the products is not masked. Where no state enters a product, as in elementwise
            recurrences, each state is masked where it enters the step. States of width I, which hold older
            inputs, are left alone. Inverted dropout: the mask is 0, or 1 / (1 - p).
        zoneout: names of states; a mask m, `zone_{state}`, keeps each as s' = m s + (1 - m) s_new (Krueger et
            al. 2016, arXiv:1606.01305). All else in the step sees s_new, so an LSTM's h is computed from the
            new c, as in the paper. The mask is 1 with probability p in training, p itself in evaluation.

    Raises `ArgumentError` for a name that is no state of the Program.
    """
    names = tuple(zoneout)
    for name in names:
        if name not in [state.name for state in program.states]:
            raise unknown("zoneout", name, [state.name for state in program.states])
    return _regularised(program, recurrent_dropout, names)


def purpose(mask: Mask) -> tuple[str, str]:
    """What a mask of a regularised Program is for: `DROP` or `ZONE`, and the name of its state."""
    kind, _, state = mask.name.partition("_")
    return kind, state


def zoned_by_default(program: Program) -> tuple[str, ...]:
    """The states that zoneout means where it names none: all but delay lines, which copy x or a state."""
    sources = program.graph.sources()
    producers = program.graph.producers()
    kept = []
    for state, (_, after) in zip(program.states, program.state_values, strict=True):
        node = producers[after]
        copied = node.operands[0] if isinstance(node, Instruction) and node.op.name == "copy" else None
        if copied not in sources and copied not in program.graph.outputs.values():
            kept.append(state.name)
    return tuple(kept)


@lru_cache(maxsize=256)
def _regularised(program: Program, recurrent_dropout: bool, zoneout: tuple[str, ...]) -> Program:
    if recurrent_dropout:
        program = _Dropout(program).program()
    return _zoned(program, zoneout) if zoneout else program


class _Dropout:
    """Builds the Graph in which masked states enter the products, or the step."""

    def __init__(self, original: Program) -> None:
        self.original = original
        graph = original.graph
        self.graph = Graph(dict(graph.inputs), [], dict(graph.outputs))
        self.states = {v: s for s, (v, _) in zip(original.states, original.state_values, strict=True)}
        self.producers = graph.producers()
        self.new_states = set(graph.outputs.values())
        #: each value as it is where masked states stand in for the states
        self.masked: dict[Value, Value] = {}
        self.masks: list[Mask] = []

    def program(self) -> Program:
        if not self._into_products():
            self._into_step()
        self.graph.prune()
        return replace(self.original, graph=self.graph, masks=(*self.original.masks, *self.masks))

    def _into_products(self) -> bool:
        """Whether there was a product to mask."""
        for node in self.original.graph.nodes:
            if isinstance(node, Product):
                operands = tuple(self._within(value) for value in node.operands)
                self.graph.nodes.append(replace(node, operands=operands))
            else:
                self.graph.nodes.append(node)
        return bool(self.masks)

    def _within(self, value: Value) -> Value:
        """`value`, part of a product's operand, computed from masked states; new states stay as they are."""
        if value not in self.masked:
            self.masked[value] = self._computed_again(value)
        return self.masked[value]

    def _computed_again(self, value: Value) -> Value:
        state = self.states.get(value)
        if state is not None:
            return value if state.width == "I" else self._drop(state, value)
        node = self.producers.get(value)
        if value in self.new_states or not isinstance(node, Instruction):
            return value
        operands = tuple(self._within(operand) for operand in node.operands)
        if operands == node.operands:
            return value
        out = Value(value.width, value.name)
        self.graph.nodes.append(replace(node, operands=operands, out=out))
        return out

    def _drop(self, state: State, value: Value) -> Value:
        mask = Mask(f"{DROP}_{state.name}", state.width)
        self.masks.append(mask)
        source = self.graph.input(Source("mask", mask.name), mask.width, mask.name)
        out = self.graph.emit(lookup("mul"), (value, source))
        out.name = f"{state.name}_dropped"
        return out

    def _into_step(self) -> None:
        """Every use of a state becomes one of its masked value."""
        self.graph.nodes = []
        states = {v: s for v, s in self.states.items() if v is not None and s.width != "I"}
        dropped = {value: self._drop(state, value) for value, state in states.items()}
        self.graph.nodes += [_substituted(node, dropped) for node in self.original.graph.nodes]


def _zoned(program: Program, names: tuple[str, ...]) -> Program:
    """The Program in which the named states keep part of what they were."""
    graph = Graph(dict(program.graph.inputs), [], dict(program.graph.outputs))
    zoned = [state for state in program.states if state.name in names]
    after = {state: graph.outputs[Source("state", state.name)] for state in zoned}
    fresh = {value: Value(value.width, f"{state.name}_new") for state, value in after.items()}
    graph.nodes += [_substituted(node, fresh) for node in program.graph.nodes]
    masks = []
    for state in zoned:
        masks.append(Mask(f"{ZONE}_{state.name}", state.width))
        mask = graph.input(Source("mask", masks[-1].name), state.width, masks[-1].name)
        before = graph.input(Source("state", state.name), state.width, state.name)
        kept = graph.emit(lookup("mul"), (mask, before))
        part = graph.emit(lookup("affine"), (mask,), (-1.0, 1.0))
        new = graph.emit(lookup("mul"), (part, fresh[after[state]]))
        out = graph.emit(lookup("add"), (kept, new))
        out.name = after[state].name
        graph.outputs[Source("state", state.name)] = out
    return replace(program, graph=graph, masks=(*program.masks, *masks))


def _substituted(node: Node, values: dict[Value, Value]) -> Node:
    """The node with other values in place of some that it reads or computes."""
    operands = tuple(values.get(value, value) for value in node.operands)
    if isinstance(node, Instruction):
        return replace(node, operands=operands, out=values.get(node.out, node.out))
    return replace(node, operands=operands, outs=tuple(values.get(out, out) for out in node.outs))
