"""What a plan computes in one go: sums of two products, and a multiplication with the addition behind it.

W x + U h needs no addition where the second product starts from the first. Gate by gate, `out = a + b` with a
and b from two products, used nowhere else, leaves the Graph: the later product starts from the earlier one's
result. (For an LSTM that is all four gates, for a GRU two of three.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from elman.program.graph import Graph, Instruction, Node, Product, Value, products
from elman.program.instructions import lookup


def fold_sums(graph: Graph, keep: Collection[Value]) -> Graph:
    """The Graph with such sums folded; values in `keep` are needed as they are."""
    folding = _Folding(graph, set(keep))
    nodes = [new for node in graph.nodes for new in folding.replaced(node)]
    return Graph(dict(graph.inputs), nodes, dict(graph.outputs))


class _Folding:
    def __init__(self, graph: Graph, keep: set[Value]) -> None:
        self.keep = keep
        self.producers = graph.producers()
        self.consumers = graph.consumers()
        self.position = {node: number for number, node in enumerate(graph.nodes)}
        self.sums: dict[Product, list[Instruction | None]] = {}
        for node in products(graph):
            self.sums[node] = [self._sum(node, out) for out in node.outs]
        self.dropped = {total for totals in self.sums.values() for total in totals if total is not None}

    def _sum(self, product: Product, out: Value) -> Instruction | None:
        """The addition that this product can take over for one of its gates."""
        users = self.consumers.get(out, [])
        total = users[0] if len(users) == 1 else None
        if not isinstance(total, Instruction) or total.op.name != "add" or product.transposed:
            return None
        other = self._other(total, out)
        start = self.producers.get(other)
        alone = self.consumers[other] == [total] and not {out, other, total.out} & self.keep
        if isinstance(start, Product) and not start.transposed and alone:
            before = self.position[start] < self.position[product] and start in self.sums
            return total if before and not any(self.sums[start]) else None
        return None

    @staticmethod
    def _other(total: Instruction, out: Value) -> Value:
        a, b = total.operands
        return b if a is out else a

    def replaced(self, node: Node) -> Iterator[Node]:
        """What stands in the place of a node: nothing, itself, or a product for each run of its gates."""
        if node in self.dropped:
            return
        if not isinstance(node, Product) or not any(self.sums[node]):
            yield node
            return
        starts = [t and self._other(t, out) for t, out in zip(self.sums[node], node.outs, strict=True)]
        for _, run in groupby(range(node.count), key=lambda gate: self._run_key(gate, starts[gate])):
            gates = list(run)
            first = [s for gate in gates if (s := starts[gate]) is not None]
            totals = [self.sums[node][gate] for gate in gates]
            outs = [node.outs[g] if t is None else t.out for g, t in zip(gates, totals, strict=True)]
            yield replace(
                node, first=node.first + gates[0], count=len(gates), outs=tuple(outs), start=tuple(first)
            )

    def _run_key(self, gate: int, start: Value | None) -> tuple[Node | None, int]:
        """Equal for neighbours whose starts stand side by side in one product's result."""
        if start is None:
            return None, 0
        product = self.producers[start]
        assert isinstance(product, Product)
        return product, product.outs.index(start) - gate


def fuse_multiplications(graph: Graph, stage: Mapping[Node, int], keep: Collection[Value]) -> Graph:
    """The Graph with `mul_add` in place of each multiplication that only an addition of the same stage reads.

    Values in `keep` are needed as they are.
    """
    producers, consumers = graph.producers(), graph.consumers()
    fused: dict[Node, Instruction] = {}
    dropped: set[Node] = set()
    for node in graph.nodes:
        if not isinstance(node, Instruction) or node.op.name != "add":
            continue
        for product, other in (node.operands, node.operands[::-1]):
            made = producers.get(product)
            if (
                isinstance(made, Instruction)
                and made.op.name == "mul"
                and stage[made] == stage[node]
                and consumers[product] == [node]
                and product not in keep
            ):
                fused[node] = Instruction(lookup("mul_add"), (*made.operands, other), (), node.out)
                dropped.add(made)
                break
    nodes = [fused.get(node, node) for node in graph.nodes if node not in dropped]
    return Graph(dict(graph.inputs), nodes, dict(graph.outputs))
