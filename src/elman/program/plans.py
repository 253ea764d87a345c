"""The two plans of a Program: its forward step, and its adjoint step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from elman.program.adjoint import Adjoint
from elman.program.graph import Graph, Product, Source, Value, products
from elman.program.inline import DX, X, inline, inline_adjoint
from elman.program.program import Program
from elman.program.schedule import Layout, Plan, Port, schedule
from elman.program.simplify import simplified


@dataclass(frozen=True)
class Columns:
    """Columns `start` … `stop` of a buffer over time."""

    start: int
    stop: int


@dataclass(frozen=True)
class WeightGradient:
    """Rows `row0` … of a weight's gradient: the `columns` of `stash` at every step, transposed, times the
    operand of the product at every step, which stands at `operand` (kind `x`: the cell's input). With several
    `heads`, of each gate's `width` rows those of head n take only the operand's n-th part."""

    weight: str
    row0: int
    stash: str
    columns: Columns
    operand: Source
    width: int
    heads: int


@dataclass(frozen=True)
class VectorGradient:
    """Rows `row0` … of the gradient of a bias or per-feature parameter: these `columns` of the sums."""

    parameter: str
    row0: int
    columns: Columns

    @property
    def stop(self) -> int:
        """The row after the last."""
        return self.row0 + self.columns.stop - self.columns.start


@dataclass(frozen=True)
class ForwardPlan:
    """The plan of a forward step."""

    plan: Plan


@dataclass(frozen=True)
class AdjointPlan:
    """The plan of an adjoint step, and how the parameters' gradients follow from what it leaves.

    saved: the columns of each stored forward value, in the order of `Adjoint.saved`.
    stashes: the width of each buffer that takes gradients at every step: one for each stream, by its name,
        and "" for gradients of products that are no stream's as well.
    sums: the width of the buffer that takes gradients added over all rows and steps.
    """

    plan: Plan
    saved: tuple[Columns, ...]
    stashes: Mapping[str, int]
    sums: int
    weights: tuple[WeightGradient, ...]
    vectors: tuple[VectorGradient, ...]


def forward_plan(
    program: Program, sizes: Mapping[str, int], adjoint: Adjoint | None, store: bool = True
) -> ForwardPlan:
    """The plan of the forward step; with an `adjoint`, one that stores what the backward pass reads. Without
    `store` it forgets that after each step, and gives the same bits: the same sums are folded."""
    graph = simplified(inline(program), adjoint.saved if adjoint else ())
    plan = _empty_plan(program, graph, sizes)
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
        number = plan.add("saved", "", "sequence" if store else "scratch", saved[-1].stop)
        for value, columns in zip(adjoint.saved, saved, strict=True):
            stores.setdefault(value, []).append(Port(number, columns.start))
    biases = {
        name: plan.add("parameter", name, "vector", program.parameter(name).shape(sizes)[0])
        for name in dict.fromkeys(node.bias for node in products(graph))
        if name is not None
    }
    schedule(graph, plan, Layout(inputs, stores, biases=biases))
    return ForwardPlan(plan)


def adjoint_plan(
    program: Program, sizes: Mapping[str, int], adjoint: Adjoint, with_x: bool = False, by_row: bool = False
) -> AdjointPlan:
    """The plan of the adjoint step; `with_x`, one that also gives the gradient of x (role `dx`); with
    `by_row`, one whose buffer of sums takes what is to be added at every row and step instead."""
    graph = inline_adjoint(program, adjoint) if with_x else adjoint.graph
    plan = _empty_plan(program, graph, sizes)
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
    if with_x:
        stores.setdefault(graph.outputs[DX], []).append(Port(plan.add("dx", "", "sequence", sizes["I"])))
    stash = _Stash(program, graph, sizes)
    numbers = {name: plan.add("stash", name, "sequence", width) for name, width in stash.widths.items()}
    for value, homes in stash.homes.items():
        stores[value] = [*(Port(numbers[name], start) for name, start in homes), *stores.get(value, [])]
    sums = _Sums(program, graph, sizes)
    place = "sequence" if by_row else "sum"
    sums_buffer = plan.add("sums", "", place, sums.width) if sums.homes else -1
    totals = tuple((value, Port(sums_buffer, start)) for value, start in sums.homes.items())
    for value, port in totals if by_row else ():
        stores[value] = [*stores.get(value, []), port]
    schedule(graph, plan, Layout(inputs, stores, () if by_row else totals))
    weights = stash.gradients(adjoint)
    return AdjointPlan(plan, saved, stash.widths, sums.width, weights, tuple(sums.gradients))


def _empty_plan(program: Program, graph: Graph, sizes: Mapping[str, int]) -> Plan:
    """A plan that knows the weights of the products inside the loop."""
    weights = {}
    for node in products(graph):
        rows, columns = program.parameter(node.weight).shape(sizes)
        weights[node.weight] = (rows, columns)
    return Plan(sizes, weights)


def _common_inputs(program: Program, graph: Graph, plan: Plan) -> dict[Source, Port]:
    """Buffers for x, the masks and per-feature parameters that a Graph reads."""
    inputs: dict[Source, Port] = {}
    if X in graph.inputs:
        inputs[X] = Port(plan.add("stream", "x", "sequence", plan.sizes["I"]))
    numbers: dict[str, int] = {}
    for source, value in graph.inputs.items():
        if source.kind == "mask":
            inputs[source] = Port(plan.add("mask", source.name, "sequence", plan.sizes[value.width]))
        if source.kind == "vector":
            if source.name not in numbers:
                width = program.parameter(source.name).shape(plan.sizes)[0]
                numbers[source.name] = plan.add("parameter", source.name, "vector", width)
            inputs[source] = Port(numbers[source.name], source.gate * plan.sizes[value.width])
    return inputs


class _Sums:
    """Gradients to add over rows and steps: of biases and per-feature parameters, each value once."""

    def __init__(self, program: Program, graph: Graph, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.homes: dict[Value, int] = {}
        self.width = 0
        self.gradients: list[VectorGradient] = []
        for source, value in graph.outputs.items():
            if source.kind == "vector":
                self._add(source.name, source.gate, value)
        for stream in program.streams:
            for gate in range(stream.count if stream.bias else 0):
                self._add(
                    stream.bias, stream.first + gate, graph.outputs[Source("stream", stream.name, gate)]
                )
        for number, node in enumerate(products(program.graph)):
            for gate in range(node.count if node.bias else 0):
                source = Source("product", str(number), gate)
                if source in graph.outputs:
                    self._add(node.bias, node.first + gate, graph.outputs[source])

    def _add(self, parameter: str | None, gate: int, value: Value) -> None:
        width = self.sizes[value.width]
        if value not in self.homes:
            self.homes[value] = self.width
            self.width += width
        assert parameter is not None  # only biases that are there get here
        start, row0 = self.homes[value], gate * width
        former = self.gradients[-1] if self.gradients else None
        if former and (former.parameter, former.columns.stop, former.stop) == (parameter, start, row0):
            self.gradients.pop()
            start, row0 = former.columns.start, former.row0
        self.gradients.append(VectorGradient(parameter, row0, Columns(start, self.homes[value] + width)))


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

    def gradients(self, adjoint: Adjoint) -> tuple[WeightGradient, ...]:
        """One entry for each run of a product's gates whose gradients stand side by side."""
        found: list[WeightGradient] = []
        for stream in self.program.streams:
            if stream.weight is not None:
                width, columns = self.sizes[stream.width], Columns(0, self.widths[stream.name])
                found.append(
                    WeightGradient(
                        stream.weight,
                        stream.first * width,
                        stream.name,
                        columns,
                        Source("x", ""),
                        width,
                        stream.heads,
                    )
                )
        for number, node in enumerate(products(self.program.graph)):
            found += self._runs(number, node, adjoint.operands[number])
        return tuple(found)

    def _runs(self, number: int, node: Product, operand: Source) -> list[WeightGradient]:
        width = self.sizes[node.outs[0].width]
        runs: list[WeightGradient] = []
        for gate in range(node.count):
            value = self.graph.outputs.get(Source("product", str(number), gate))
            if value is None:
                continue
            name, start = self.homes[value][0]
            columns, row0 = Columns(start, start + width), (node.first + gate) * width
            if runs and runs[-1].stash == name and runs[-1].columns.stop == start:
                former = runs.pop()
                columns, row0 = Columns(former.columns.start, columns.stop), former.row0
            runs.append(WeightGradient(node.weight, row0, name, columns, operand, width, node.heads))
        return runs


def _columns(widths: list[int]) -> tuple[Columns, ...]:
    starts = [sum(widths[:i]) for i in range(len(widths))]
    return tuple(Columns(start, start + width) for start, width in zip(starts, widths, strict=True))
