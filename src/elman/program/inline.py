"""Projections of x back inside the step: the engine's product within its own loop is faster than one large
product before it, whose result would go through memory twice. (With few sequences it takes several steps at
once.)"""

from __future__ import annotations

from elman.program.adjoint import Adjoint
from elman.program.graph import Graph, Product, Source, Value
from elman.program.instructions import lookup
from elman.program.program import Program

#: x itself, as an input of a step
X = Source("stream", "x")
#: the gradient of x, as an output of an adjoint step
DX = Source("x", "")


def inline(program: Program) -> Graph:
    """The forward Graph with the projections of x as products of the step; values are the same objects."""
    graph = program.graph
    x = graph.inputs.get(X) or Value("I", "x")
    projected = {s.name: s for s in program.streams if s.weight is not None}
    inputs = {source: v for source, v in graph.inputs.items() if source.name not in projected}
    projections = [
        Product(
            stream.weight or "",
            stream.first,
            stream.count,
            (x,),
            tuple(graph.inputs[Source("stream", name, gate)] for gate in range(stream.count)),
            stream.bias,
            heads=stream.heads,
        )
        for name, stream in projected.items()
    ]
    return Graph({X: x, **inputs}, [*projections, *graph.nodes], dict(graph.outputs))


def inline_adjoint(program: Program, adjoint: Adjoint) -> Graph:
    """The adjoint Graph that also gives the gradient of x."""
    graph = adjoint.graph
    extended = Graph(dict(graph.inputs), list(graph.nodes), dict(graph.outputs))
    total: Value | None = None
    for stream in program.streams:
        slices = tuple(graph.outputs[Source("stream", stream.name, g)] for g in range(stream.count))
        part = slices[0]
        if stream.weight is not None:
            part = Value("I")
            first, count, heads = stream.first, stream.count, stream.heads
            node = Product(stream.weight, first, count, slices, (part,), transposed=True, heads=heads)
            extended.nodes.append(node)
        total = part if total is None else extended.emit(lookup("add"), (total, part))
    assert total is not None  # every Program has a stream
    if total in graph.outputs.values():
        total = extended.emit(lookup("copy"), (total,))
    extended.outputs[DX] = total
    return extended
