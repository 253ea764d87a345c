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
    """How the gradient of rows of a weight follows from what the adjoint stored: rows `row0` … are the
    `columns` of `stash`, transposed, times the forward operand over time, which stands at `operand`."""

    weight: str
    bias: str | None
    row0: int
    stash: str
    columns: Columns
    operand: Source


@dataclass(frozen=True)
class ForwardPlan:
    """The plan of a forward step."""

    plan: Plan


@dataclass(frozen=True)
class AdjointPlan:
    """The plan of an adjoint step.

    saved: the columns of each stored forward value, in the order of `Adjoint.saved`.
    stashes: the width of each buffer that takes gradients at every step: one for each stream, by its name,
        and "" for gradients of products that are no stream's as well.
    """

    plan: Plan
    saved: tuple[Columns, ...]
    stashes: Mapping[str, int]
    products: tuple[ProductGradient, ...]


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
    numbers = {name: plan.add("stash", name, "sequence", width) for name, width in stash.widths.items()}
    for value, homes in stash.homes.items():
        stores[value] = [*(Port(numbers[name], start) for name, start in homes), *stores.get(value, [])]
    sums = _sums(program, graph, plan)
    schedule(graph, plan, Layout(inputs, stores, sums))
    return AdjointPlan(plan, saved, stash.widths, stash.product_gradients(adjoint))


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
    """Where gradients go at every step: each stream's gates side by side, then what only products need."""

    def __init__(self, program: Program, graph: Graph, sizes: Mapping[str, int]) -> None:
        self.program = program
        self.graph = graph
        self.sizes = sizes
        self.homes: dict[Value, list[tuple[str, int]]] = {}
        self.widths: dict[str, int] = {}
        for stream in program.streams:
            for gate in range(stream.count):
                self._add(graph.outputs[Source("stream", stream.name, gate)], stream.name)
        for source, value in graph.outputs.items():
            if source.kind == "product" and value not in self.homes:
                self._add(value, "")

    def _add(self, value: Value, name: str) -> None:
        start = self.widths.get(name, 0)
        self.homes.setdefault(value, []).append((name, start))
        self.widths[name] = start + self.sizes[value.width]

    def product_gradients(self, adjoint: Adjoint) -> tuple[ProductGradient, ...]:
        """One entry for each run of gates whose gradients stand side by side."""
        found: list[ProductGradient] = []
        for number, node in enumerate(products(self.program.graph)):
            width = self.sizes[node.outs[0].width]
            operand = adjoint.operands[number]
            runs: list[ProductGradient] = []
            for gate in range(node.count):
                value = self.graph.outputs.get(Source("product", str(number), gate))
                if value is None:
                    continue
                name, start = self.homes[value][0]
                columns, row0 = Columns(start, start + width), (node.first + gate) * width
                if runs and runs[-1].stash == name and runs[-1].columns.stop == start:
                    former = runs.pop()
                    columns, row0 = Columns(former.columns.start, columns.stop), former.row0
                runs.append(ProductGradient(node.weight, node.bias, row0, name, columns, operand))
            found += runs
        return tuple(found)


def _columns(widths: list[int]) -> tuple[Columns, ...]:
    starts = [sum(widths[:i]) for i in range(len(widths))]
    return tuple(Columns(start, start + width) for start, width in zip(starts, widths, strict=True))
