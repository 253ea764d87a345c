"""From a Graph to the stages of a plan: what runs in which order, and where each value lives.

A plan alternates products and runs of vector instructions. A value stays in a register of the vector machine
where it can; it lives in memory where it leaves the step, feeds a product, or is read by a later stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from elman.program.fold import fold_sums, fuse_multiplications
from elman.program.graph import Graph, Instruction, Node, Product, Source, Value, reads, results
from elman.program.instructions import lookup


@dataclass(frozen=True)
class Port:
    """Columns `column` … of a plan's buffer; `next` picks the state after the step rather than before it."""

    buffer: int
    column: int = 0
    next: bool = False


@dataclass(frozen=True)
class Buffer:
    """One array of a plan. `place` as in csrc/engine.h; `role` and `name` say which tensor belongs here."""

    role: str
    name: str
    place: str
    width: int


@dataclass(frozen=True)
class ProductStage:
    """See ProductStage in csrc/engine.h. `segments` are (port, features)."""

    weight: str
    row0: int
    transposed: bool
    gates: int
    width: int
    segments: tuple[tuple[Port, int], ...]
    out: Port
    bias: Port | None
    accumulate: bool
    heads: int


@dataclass(frozen=True)
class VectorStage:
    """See VectorStage in csrc/engine.h. `code` holds (op, dst, operands, immediates); slots number the ports
    first and then the registers."""

    width: int
    ports: tuple[Port, ...]
    registers: int
    code: tuple[tuple[str, int, tuple[int, ...], tuple[float, ...]], ...]


@dataclass(eq=False)
class Plan:
    """Buffers and stages of one time step, with all sizes bound; `weights` maps names to (rows, columns)."""

    sizes: Mapping[str, int]
    weights: dict[str, tuple[int, int]] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)
    stages: list[ProductStage | VectorStage] = field(default_factory=list)

    def add(self, role: str, name: str, place: str, width: int) -> int:
        """Append a buffer; returns its number."""
        self.buffers.append(Buffer(role, name, place, width))
        return len(self.buffers) - 1


@dataclass(frozen=True)
class Layout:
    """Where the inputs of a Graph stand, where its values are to be stored, and the vectors for biases.

    stores: a value may be stored in several places. sums: values to be accumulated over rows and steps.
    """

    inputs: Mapping[Source, Port]
    stores: Mapping[Value, list[Port]]
    sums: tuple[tuple[Value, Port], ...] = ()
    biases: Mapping[str, int] = field(default_factory=dict)


def schedule(graph: Graph, plan: Plan, layout: Layout) -> None:
    """Append to `plan` the stages that compute `graph`."""
    keep = {*layout.stores, *(value for value, _ in layout.sums)}
    folded = fold_sums(graph, keep)
    _Scheduler(fuse_multiplications(folded, _stage_numbers(folded), keep), plan, layout).run()


class _Scheduler:
    def __init__(self, graph: Graph, plan: Plan, layout: Layout) -> None:
        self.graph = graph
        self.plan = plan
        self.layout = layout
        self.consumers = graph.consumers()
        self.stage = _stage_numbers(graph)
        self.places: dict[Value, Port] = {graph.inputs[s]: port for s, port in layout.inputs.items()}
        self.accumulating: set[Node] = set()
        self.dropped: set[Node] = set()
        self.copies: list[tuple[int, Value, Port]] = []

    def run(self) -> None:
        for node in self.graph.nodes:
            self._fold_into_product(node)
        for node in self.graph.nodes:
            if node not in self.dropped:
                self._place(node)
        for number in range(max(self.stage.values(), default=0) + 2):
            nodes = [n for n in self.graph.nodes if self.stage[n] == number and n not in self.dropped]
            for node in nodes:
                if isinstance(node, Product):
                    self._product(node)
            if number % 2 == 0:
                self._vectors(number, [n for n in nodes if isinstance(n, Instruction)])

    def _fold_into_product(self, node: Node) -> None:
        """`stored = partial + product`: the product starts from `partial`, written where the sum belongs."""
        if not isinstance(node, Instruction) or node.op.name != "add":
            return
        producers = self.graph.producers()
        for product_out, partial in (node.operands, node.operands[::-1]):
            product, other = producers.get(product_out), producers.get(partial)
            if (
                isinstance(product, Product)
                and isinstance(other, Instruction)
                and product.bias is None
                and len(product.outs) == 1
                and self.stage[other] < self.stage[product]
                and self.consumers[product_out] == [node]
                and all(
                    user is node or self.stage[user] < self.stage[product] for user in self.consumers[partial]
                )
                and not any(v in self.layout.stores for v in node.operands)
                and len(self.layout.stores.get(node.out, ())) == 1
                and not any(v in (node.out, *node.operands) for v, _ in self.layout.sums)
            ):
                home = self.layout.stores[node.out][0]
                self.places.update({product_out: home, partial: home, node.out: home})
                self.accumulating.add(product)
                self.dropped.add(node)
                return

    def _place(self, node: Node) -> None:
        """Give each result of a node a home in memory where it needs one; note copies to further homes."""
        if isinstance(node, Product) and node.start:
            self.places.update({out: self.places[s] for out, s in zip(node.outs, node.start, strict=True)})
            return
        if isinstance(node, Product) and len(node.outs) > 1:
            width = self._width(node.outs[0])
            block = self.plan.add("scratch", node.weight, "scratch", width * len(node.outs))
            for gate, out in enumerate(node.outs):
                self.places[out] = Port(block, gate * width)
                self.copies += [(self.stage[node] + 1, out, port) for port in self.layout.stores.get(out, ())]
            return
        value = results(node)[0]
        if value in self.places:
            return
        stores = self.layout.stores.get(value, [])
        if stores:
            self.places[value] = stores[0]
            stage = self.stage[node] + (1 if isinstance(node, Product) else 0)
            self.copies += [(stage, value, port) for port in stores[1:]]
        elif isinstance(node, Product) or self._leaves_its_stage(node, value):
            self.places[value] = Port(self.plan.add("scratch", value.name, "scratch", self._width(value)))

    def _leaves_its_stage(self, node: Node, value: Value) -> bool:
        return any(self.stage[user] != self.stage[node] for user in self.consumers.get(value, ()))

    def _width(self, value: Value) -> int:
        return self.plan.sizes[value.width]

    def _product(self, node: Product) -> None:
        width = self._width(node.outs[0])
        rows = self._width(node.operands[0]) if node.transposed else width
        segments: list[tuple[Port, int]] = []
        for operand in node.operands:
            port, length = self.places[operand], self._width(operand)
            last, before = segments[-1] if segments else (None, 0)
            # of each segment a head takes its part, so with several heads the gates' segments stay apart
            if node.heads == 1 and last and replace(last, column=last.column + before) == port:
                segments[-1] = (last, before + length)
            else:
                segments.append((port, length))
        bias = None if node.bias is None else Port(self.layout.biases[node.bias], node.first * rows)
        self.plan.stages.append(
            ProductStage(
                weight=node.weight,
                row0=node.first * rows,
                transposed=node.transposed,
                gates=len(node.outs),
                width=width,
                segments=tuple(segments),
                out=self.places[node.outs[0]],
                bias=bias,
                accumulate=node in self.accumulating or bool(node.start),
                heads=node.heads,
            )
        )

    def _vectors(self, number: int, nodes: list[Instruction]) -> None:
        """The vector stages of one number, one for each width."""
        extra = [(value, port, "copy") for stage, value, port in self.copies if stage == number]
        extra += [
            (value, port, "accumulate") for value, port in self.layout.sums if self._known_at(value) == number
        ]
        symbols = [n.out.width for n in nodes] + [value.width for value, _, _ in extra]
        for symbol in dict.fromkeys(symbols):
            code = _Code(self.places, {value for value, _, _ in extra})
            code.emit([n for n in nodes if n.out.width == symbol])
            for value, port, op in extra:
                if value.width == symbol:
                    code.append(op, port, (value,))
            self.plan.stages.append(code.stage(self.plan.sizes[symbol]))

    def _known_at(self, value: Value) -> int:
        """The vector stage at which a value can be read."""
        node = self.graph.producers().get(value)
        if node is None:
            return 0
        return self.stage[node] + (1 if isinstance(node, Product) else 0)


def _stage_numbers(graph: Graph) -> dict[Node, int]:
    """Vector instructions get even numbers, products odd ones, each as early as its operands allow.

    What depends on the step's inputs alone waits for its first user: that saves a place in memory.
    """
    numbers: dict[Node, int] = {}
    ready: dict[Value, int] = {}
    for node in graph.nodes:
        earliest = max((ready.get(v, 0) for v in reads(node)), default=0)
        is_product = isinstance(node, Product)
        numbers[node] = earliest + (earliest % 2 == (0 if is_product else 1))
        ready.update(dict.fromkeys(results(node), numbers[node]))
    consumers = graph.consumers()
    for node in graph.nodes:
        users = consumers.get(results(node)[0])
        if isinstance(node, Instruction) and users and not any(v in ready for v in node.operands):
            numbers[node] = min(numbers[user] - numbers[user] % 2 for user in users)
    return numbers


class _Code:
    """The instructions of one vector stage, with ports and registers numbered."""

    def __init__(self, places: Mapping[Value, Port], keep: set[Value]) -> None:
        self.places = places
        self.keep = keep
        self.ports: list[Port] = []
        self.registers: dict[Value, int] = {}
        self.free: list[int] = []
        self.count = 0
        self.code: list[tuple[str, Port | int, tuple[Port | int, ...], tuple[float, ...]]] = []

    def emit(self, nodes: list[Instruction]) -> None:
        """Append the nodes in order; a register is free again after its last use."""
        last = {value: i for i, node in enumerate(nodes) for value in node.operands}
        for i, node in enumerate(nodes):
            operands = tuple(self._operand(v) for v in node.operands)
            for value in dict.fromkeys(node.operands):
                if last[value] == i and value in self.registers and value not in self.keep:
                    self.free.append(self.registers.pop(value))
            out = self._home(node.out)
            self.code.append((lookup(node.op.name).name, out, operands, node.immediates))

    def append(self, op: str, out: Port, operands: tuple[Value, ...]) -> None:
        """One instruction that is no node of the Graph: a copy to a further home, or an accumulation."""
        self.code.append((op, out, tuple(self._operand(v) for v in operands), ()))

    def _operand(self, value: Value) -> Port | int:
        return self.places[value] if value in self.places else self.registers[value]

    def _home(self, value: Value) -> Port | int:
        if value in self.places:
            return self.places[value]
        if self.free:
            register = self.free.pop()
        else:
            register, self.count = self.count, self.count + 1
        self.registers[value] = register
        return register

    def stage(self, width: int) -> VectorStage:
        """The finished stage."""
        numbers: dict[Port, int] = {}
        for _, out, operands, _ in self.code:
            for slot in (*operands, out):
                if isinstance(slot, Port):
                    numbers.setdefault(slot, len(numbers))

        def slot_number(slot: Port | int) -> int:
            return numbers[slot] if isinstance(slot, Port) else len(numbers) + slot

        code = tuple(
            (op, slot_number(out), tuple(slot_number(s) for s in operands), immediates)
            for op, out, operands, immediates in self.code
        )
        return VectorStage(width, tuple(numbers), self.count, code)
