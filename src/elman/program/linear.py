"""Where states enter a Program linearly and elementwise: found by looking, not declared by the cell.

Of a group of one or two states (two: a complex number as a 2 × 2 block) it is then true that

    s'_i = Σ_j a_ij * s_j + b_i        with a and b free of the group

so the steps of a stretch of time compose to one such map, and stretches can be walked side by side. a and b
may depend on states of groups that come earlier in the order; a state whose value after the step does not see
any state that is not yet in a group (an output, a delay) is a group with a = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from elman.program.graph import Graph, Instruction, Source, Value, results
from elman.program.instructions import lookup

if TYPE_CHECKING:
    from elman.program.program import Program

#: states that one group may hold
_LARGEST = 2


def groups(program: Program) -> tuple[tuple[str, ...], ...]:
    """The groups of states that are linear as above, by name, so ordered that each needs only former ones."""
    found: list[tuple[str, ...]] = []
    rest = [state.name for state in program.states]
    while rest:
        seen = _dependencies(program, rest)
        closed = [c for name in rest if (c := _closure(name, seen)) is not None and len(c) <= _LARGEST]
        if not closed:
            break
        smallest = min(closed, key=len)
        found.append(tuple(name for name in rest if name in smallest))
        rest = [name for name in rest if name not in smallest]
    return tuple(found)


def _closure(name: str, seen: Mapping[str, frozenset[str] | None]) -> frozenset[str] | None:
    """The state and all that it depends on; None where one of them is not linear."""
    members, todo = {name}, [name]
    while todo:
        others = seen[todo.pop()]
        if others is None:
            return None
        todo += others - members
        members |= others
    return frozenset(members)


def _dependencies(program: Program, names: list[str]) -> dict[str, frozenset[str] | None]:
    """For each named state: which of them it is linear in, feature by feature; None where it is not."""
    none: frozenset[str] = frozenset()
    found: dict[Value, frozenset[str] | None] = {
        value: frozenset([source.name]) if source.kind == "state" and source.name in names else none
        for source, value in program.graph.inputs.items()
    }
    for node in program.graph.nodes:
        of = [found[v] for v in node.operands]
        touched = frozenset().union(*(d for d in of if d))
        linear = (
            isinstance(node, Instruction) and None not in of and _is_linear(node.op.name, [*map(bool, of)])
        )
        free = not touched and None not in of
        found.update(dict.fromkeys(results(node), touched if linear or free else None))
    return {name: found[program.graph.outputs[Source("state", name)]] for name in names}


def _is_linear(op: str, depends: list[bool]) -> bool:
    """Whether an instruction is linear in those of its operands that depend on the states."""
    if op in ("copy", "affine", "add", "sub"):
        return True
    if op == "constant":
        return not any(depends)
    return {"mul": depends != [True, True], "div": depends[-1:] == [False], "select": not depends[0]}.get(
        op, False
    )


def transfer(program: Program, group: tuple[str, ...], former: tuple[str, ...]) -> Program:
    """The Program that walks `former` states and the group, and beside it each a_ij multiplied up over the
    steps, as a further state `i.j` as wide as i. Started at 1 where i = j and 0 elsewhere, with the
    group at 0, its final states are the a_ij and b_i of the whole stretch."""
    original = program.graph
    states = [s for s in program.states if s.name in former or s.name in group]
    outputs = {Source("state", s.name): original.outputs[Source("state", s.name)] for s in states}
    graph = Graph(dict(original.inputs), list(original.nodes), outputs)
    further = []
    for j in group:
        tangents = {
            original.inputs[Source("state", i)]: graph.input(Source("state", f"{i}.{j}"), width, f"{i}.{j}")
            for i, width in ((s.name, s.width) for s in program.states)
            if i in group and Source("state", i) in original.inputs
        }
        for node in original.nodes:
            if isinstance(node, Instruction) and any(v in tangents for v in node.operands):
                tangents[node.out] = _tangent(graph, node, tangents)
        for state in program.states:
            if state.name in group:
                after = original.outputs[Source("state", state.name)]
                like = original.inputs.get(Source("state", state.name), after)
                constant = (lookup("constant"), (like,), (0.0,))
                value = tangents.get(after) or graph.emit(*constant)
                if value in graph.inputs.values() or value in graph.outputs.values():
                    value = graph.emit(lookup("copy"), (value,))
                graph.outputs[Source("state", f"{state.name}.{j}")] = value
                further.append(replace(state, name=f"{state.name}.{j}"))
    return _program(program, (*states, *further), graph)


def _tangent(graph: Graph, node: Instruction, tangents: Mapping[Value, Value]) -> Value:
    """How the result of a linear instruction changes with the states."""
    of = [tangents.get(v) for v in node.operands]
    name = node.op.name
    if name in ("mul", "div"):
        operands = tuple(t or v for t, v in zip(of, node.operands, strict=True))
        return graph.emit(node.op, operands)
    if name == "select":
        zero = graph.emit(lookup("constant"), (node.operands[1],), (0.0,))
        return graph.emit(node.op, (node.operands[0], of[1] or zero, of[2] or zero))
    if name == "affine":
        return graph.emit(node.op, (of[0] or node.operands[0],), (node.immediates[0], 0.0))
    present = tuple(t for t in of if t is not None)
    if len(present) == 2:
        return graph.emit(node.op, present)
    return (
        graph.emit(lookup("affine"), present, (-1.0, 0.0)) if name == "sub" and of[0] is None else present[0]
    )


def _program(program: Program, states: tuple, graph: Graph) -> Program:
    """What is left of a Program when only these states are wanted."""
    graph.prune()
    used = {(source.kind, source.name) for source in graph.inputs}
    streams = tuple(s for s in program.streams if ("stream", s.name) in used)
    inputs = program.graph.inputs
    for stream in streams:  # a stream has all of its gates, also where some are not read
        for gate in range(stream.count):
            source = Source("stream", stream.name, gate)
            graph.inputs[source] = inputs[source]
    named = {name for s in streams for name in (s.weight, s.bias)} | {
        n for kind, n in used if kind == "vector"
    }
    for node in graph.nodes:
        if not isinstance(node, Instruction):
            named |= {node.weight, node.bias}
    parameters = tuple(p for p in program.parameters if p.name in named)
    masks = tuple(m for m in program.masks if ("mask", m.name) in used)
    name = f"{program.name} over a stretch"
    return replace(
        program, name=name, states=states, parameters=parameters, streams=streams, graph=graph, masks=masks
    )
