"""The two plans of a Program: its forward step, and its adjoint step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from elman.program.adjoint import Adjoint
from elman.program.graph import Graph, Source, Value, products
from elman.program.program import Program
from elman.program.schedule import Layout, Plan, Port, schedule


@dataclass(frozen=True)
class Columns:
    """Columns `start` … `stop` of a buffer over time."""

    start: int
    stop: int


@dataclass(frozen=True)
class ProductGradient:
    """How the gradient of rows of a weight follows from the stash: rows `row0` … are the stash's `columns`,
    transposed, times the forward operand over time, which stands at `operand`."""

    weight: str
    bias: str | None
    row0: int
    columns: Columns
    operand: Source


@dataclass(frozen=True)
class ForwardPlan:
    """The plan of a forward step."""

    plan: Plan


@dataclass(frozen=True)
class AdjointPlan:
    """The stash holds, for every step, the gradients of streams and products; `streams` are each stream's
    columns in it. `saved` are the columns of each stored forward value, in the order of `Adjoint.saved`."""

    plan: Plan
    saved: tuple[Columns, ...]
    streams: tuple[Columns, ...]
    products: tuple[ProductGradient, ...]
    stash_width: int


def forward_plan(program: Program, sizes: Mapping[str, int], adjoint: Adjoint | None) -> ForwardPlan:
    """The plan of the forward step; with an `adjoint`, one that stores what the backward pass reads."""
    plan = _empty_plan(program, sizes)
    graph = program.graph
    inputs = _common_inputs(program, graph, plan)
    stores: dict[Value, list[Port]] = {}
    for state in program.states:
        number = plan.add("state", state.name, "state", sizes[state.width])
        source = Source("state", state.name)
        if source in graph.inputs:
            inputs[source] = Port(number)
        stores.setdefault(graph.outputs[source], []).append(Port(number, next=True))
    saved = _columns([sizes[value.width] for value in adjoint.saved] if adjoint else [])
    if adjoint and saved:
        number = plan.add("saved", "", "sequence", saved[-1].stop)
        for value, columns in zip(adjoint.saved, saved, strict=True):
            stores.setdefault(value, []).append(Port(number, columns.start))
    biases = {
        name: plan.add("parameter", name, "vector", program.parameter(name).shape(sizes)[0])
        for name in dict.fromkeys(node.bias for node in products(graph))
        if name is not None
    }
    schedule(graph, plan, Layout(inputs, stores, biases=biases))
    return ForwardPlan(plan)


def adjoint_plan(program: Program, sizes: Mapping[str, int], adjoint: Adjoint) -> AdjointPlan:
    """The plan of the adjoint step."""
    plan = _empty_plan(program, sizes)
    graph = adjoint.graph
    inputs = _common_inputs(program, graph, plan)
    saved = _columns([sizes[value.width] for value in adjoint.saved])
    saved_buffer = plan.add("saved", "", "sequence", saved[-1].stop) if saved else -1
    for source in graph.inputs:
        if source.kind == "forward":
            inputs[source] = Port(saved_buffer, saved[int(source.name)].start)
        elif source.kind in ("state", "after", "gradient"):
            place = "shifted" if source.kind == "state" else "sequence"
            role = {"state": "before", "after": "after", "gradient": "gradient"}[source.kind]
            width = sizes[next(s.width for s in program.states if s.name == source.name)]
            inputs[source] = Port(plan.add(role, source.name, place, width))
    stores: dict[Value, list[Port]] = {}
    for state in program.states:
        number = plan.add("carry", state.name, "state", sizes[state.width])
        source = Source("carry", state.name)
        if source in graph.inputs:
            inputs[source] = Port(number)
        stores.setdefault(graph.outputs[source], []).append(Port(number, next=True))
    stash = _Stash(program, graph, sizes)
    number = plan.add("stash", "", "sequence", stash.width)
    for value, starts in stash.homes.items():
        stores[value] = [*(Port(number, start) for start in starts), *stores.get(value, [])]
    sums = _sums(program, graph, plan)
    schedule(graph, plan, Layout(inputs, stores, sums))
    return AdjointPlan(plan, saved, tuple(stash.streams), stash.product_gradients(adjoint), stash.width)


def _empty_plan(program: Program, sizes: Mapping[str, int]) -> Plan:
    """A plan that knows the weights of the products inside the loop."""
    weights = {}
    for node in products(program.graph):
        rows, columns = program.parameter(node.weight).shape(sizes)
        weights[node.weight] = (rows, columns)
    return Plan(sizes, weights)


def _common_inputs(program: Program, graph: Graph, plan: Plan) -> dict[Source, Port]:
    """Buffers for the streams and per-feature parameters that a Graph reads."""
    inputs: dict[Source, Port] = {}
    for stream in program.streams:
        width = plan.sizes[stream.width]
        sources = [Source("stream", stream.name, gate) for gate in range(stream.count)]
        if any(source in graph.inputs for source in sources):
            number = plan.add("stream", stream.name, "sequence", stream.count * width)
            inputs.update({s: Port(number, s.gate * width) for s in sources if s in graph.inputs})
    numbers: dict[str, int] = {}
    for source, value in graph.inputs.items():
        if source.kind == "vector":
            if source.name not in numbers:
                width = program.parameter(source.name).shape(plan.sizes)[0]
                numbers[source.name] = plan.add("parameter", source.name, "vector", width)
            inputs[source] = Port(numbers[source.name], source.gate * plan.sizes[value.width])
    return inputs


def _sums(program: Program, graph: Graph, plan: Plan) -> tuple[tuple[Value, Port], ...]:
    """Accumulators for the gradients of per-feature parameters."""
    numbers: dict[str, int] = {}
    sums = []
    for source, value in graph.outputs.items():
        if source.kind == "vector":
            if source.name not in numbers:
                width = program.parameter(source.name).shape(plan.sizes)[0]
                numbers[source.name] = plan.add("sum", source.name, "sum", width)
            sums.append((value, Port(numbers[source.name], source.gate * plan.sizes[value.width])))
    return tuple(sums)


class _Stash:
    """The columns of the stash: each stream's gates side by side, then what only products need."""

    def __init__(self, program: Program, graph: Graph, sizes: Mapping[str, int]) -> None:
        self.program = program
        self.graph = graph
        self.sizes = sizes
        self.homes: dict[Value, list[int]] = {}
        self.width = 0
        self.streams = []
        for stream in program.streams:
            start = self.width
            for gate in range(stream.count):
                self._add(graph.outputs[Source("stream", stream.name, gate)])
            self.streams.append(Columns(start, self.width))
        for source, value in graph.outputs.items():
            if source.kind == "product" and value not in self.homes:
                self._add(value)

    def _add(self, value: Value) -> None:
        self.homes.setdefault(value, []).append(self.width)
        self.width += self.sizes[value.width]

    def product_gradients(self, adjoint: Adjoint) -> tuple[ProductGradient, ...]:
        """One entry for each run of gates whose gradients stand side by side."""
        found = []
        for number, node in enumerate(products(self.program.graph)):
            width = self.sizes[node.outs[0].width]
            runs: list[tuple[int, Columns]] = []
            for gate in range(node.count):
                value = self.graph.outputs.get(Source("product", str(number), gate))
                if value is None:
                    continue
                start = self.homes[value][0]
                if runs and runs[-1][1].stop == start:
                    runs[-1] = (runs[-1][0], Columns(runs[-1][1].start, start + width))
                else:
                    runs.append((gate, Columns(start, start + width)))
            found += [
                ProductGradient(
                    node.weight, node.bias, (node.first + gate) * width, columns, adjoint.operands[number]
                )
                for gate, columns in runs
            ]
        return tuple(found)


def _columns(widths: list[int]) -> tuple[Columns, ...]:
    starts = [sum(widths[:i]) for i in range(len(widths))]
    return tuple(Columns(start, start + width) for start, width in zip(starts, widths, strict=True))
