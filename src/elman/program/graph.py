"""A Graph: the nodes of one time step in the order of their computation, each value assigned once.

The forward step of a cell and the adjoint derived from it are both Graphs. Widths are symbols, bound to
numbers only when a reader is given real tensors:

    I  input features    H  hidden features    P  features of a projected hidden state
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from elman.program.instructions import Op

WIDTHS = ("I", "H", "P")


@dataclass(eq=False)
class Value:
    """One row vector of a time step: `width` features for each sequence of the batch."""

    width: str
    name: str = ""


@dataclass(frozen=True)
class Source:
    """Where an input of a Graph comes from: a `kind`, the `name` within it, and the gate (block of columns).

    Kinds of a forward Graph: `stream` (a projection of x, or x itself), `state` (before the step),
    `vector` (a per-feature parameter), `mask` (numbers given for each run, without gradient). An adjoint
    Graph adds `forward` (a value of the forward step, `name` is its index among the saved ones), `after` (a
    forward state after the step), `carry` (the gradient of a state, from the step that comes later in time)
    and `gradient` (of an output, from above).
    """

    kind: str
    name: str
    gate: int = 0


@dataclass(eq=False)
class Instruction:
    """`out = op(*operands)`, elementwise; `immediates` are the numbers some ops take."""

    op: Op
    operands: tuple[Value, ...]
    immediates: tuple[float, ...]
    out: Value


@dataclass(eq=False)
class Product:
    """A matrix product with `count` gates of a weight, from gate number `first` on.

    forward:     outs = operand · Wᵀ + bias, one out for each gate
    transposed:  outs[0] = [operands] · W, one operand for each gate

    With `heads`, W is block-diagonal: part n of each gate, of so many, reads only part n of the operand.
    `start` (schedules only): values, gate by gate, that the result is added to; it takes their place.
    """

    weight: str
    first: int
    count: int
    operands: tuple[Value, ...]
    outs: tuple[Value, ...]
    bias: str | None = None
    transposed: bool = False
    heads: int = 1
    start: tuple[Value, ...] = ()


Node = Instruction | Product


@dataclass(eq=False)
class Graph:
    """Inputs, nodes in order, and what leaves the step: `outputs[(kind, name, gate)] = value`."""

    inputs: dict[Source, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    outputs: dict[Source, Value] = field(default_factory=dict)

    def input(self, source: Source, width: str, name: str) -> Value:
        """The value of that source, made at its first use."""
        if source not in self.inputs:
            self.inputs[source] = Value(width, name)
        return self.inputs[source]

    def emit(self, op: Op, operands: tuple[Value, ...], immediates: tuple[float, ...] = ()) -> Value:
        """Append an instruction; the result is as wide as its first operand."""
        out = Value(operands[0].width)
        self.nodes.append(Instruction(op, operands, immediates, out))
        return out

    def sources(self) -> dict[Value, Source]:
        """The source of every input value."""
        return {value: source for source, value in self.inputs.items()}

    def producers(self) -> dict[Value, Node]:
        """The node that computes each value."""
        return {value: node for node in self.nodes for value in results(node)}

    def consumers(self) -> dict[Value, list[Node]]:
        """The nodes that read each value."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in reads(node):
                found.setdefault(value, []).append(node)
        return found

    def prune(self, keep: Collection[Value] = ()) -> None:
        """Drop nodes and inputs that no output, and no value in `keep`, depends on."""
        live = {*self.outputs.values(), *keep}
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if any(value in live for value in results(node)):
                kept.append(node)
                live.update(reads(node))
        self.nodes = kept[::-1]
        self.inputs = {source: value for source, value in self.inputs.items() if value in live}


def reads(node: Node) -> tuple[Value, ...]:
    """The values that a node needs."""
    return node.operands if isinstance(node, Instruction) else (*node.operands, *node.start)


def results(node: Node) -> tuple[Value, ...]:
    """The values that a node computes."""
    return (node.out,) if isinstance(node, Instruction) else node.outs


def instructions(graph: Graph) -> Iterator[Instruction]:
    """The elementwise nodes."""
    return (node for node in graph.nodes if isinstance(node, Instruction))


def products(graph: Graph) -> Iterator[Product]:
    """The matrix products inside the loop over time."""
    return (node for node in graph.nodes if isinstance(node, Product))
