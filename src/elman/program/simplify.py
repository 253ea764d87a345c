"""Less work for the same step: what is one number for each row leaves means and products of whole rows.

A mean is `uniform`: the same in every lane of a row. With x and y any values, u and v uniform, α, β numbers:

    mean(α x + β) = α mean(x) + β        mean(x ⊙ u) = mean(x) ⊙ u        (x ⊙ u) ⊙ v = x ⊙ (u ⊙ v)
    α' (α x + β) + β' = α' α x + (α' β + β')        α x + α y = α (x + y)        1 x + 0 = x

On the right fewer rows are read and written; the engine computes what is uniform once for each row. Equal
instructions are computed once. Results differ in last bits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from elman.program.graph import Graph, Instruction, Node, Value
from elman.program.instructions import lookup


def simplified(graph: Graph, keep: Collection[Value] = ()) -> Graph:
    """The Graph with less to do. Its outputs and the values in `keep` stay the same objects."""
    work = _Simplifier(graph, {*graph.outputs.values(), *keep})
    for node in graph.nodes:
        work.take(node)
    found = Graph(dict(graph.inputs), work.nodes, dict(graph.outputs))
    found.prune(keep)
    return found


class _Simplifier:
    def __init__(self, graph: Graph, kept: set[Value]) -> None:
        self.kept = kept
        self.readers = graph.consumers()
        self.nodes: list[Node] = []
        self.made: dict[Value, Instruction] = {}  # by its result, of what stands in `nodes`
        self.known: dict[tuple, Value] = {}
        self.same: dict[Value, Value] = {}  # what stands in the place of a value of the old Graph
        self.uniform: set[Value] = set()

    def take(self, node: Node) -> None:
        """The next node of the old Graph."""
        operands = tuple(self._now(value) for value in node.operands)
        if not isinstance(node, Instruction):
            self.nodes.append(replace(node, operands=operands, start=tuple(map(self._now, node.start))))
            return
        before = len(self.nodes)
        value = self._make(node.op.name, operands, node.immediates)
        if node.out not in self.kept:
            self.same[node.out] = value
        elif len(self.nodes) > before and self.nodes[-1] is self.made[value]:
            self._rename(value, node.out)
        else:  # an input, or what has another name already
            self._append(Instruction(lookup("copy"), (value,), (), node.out))

    def _now(self, value: Value) -> Value:
        return self.same.get(value, value)

    def _make(self, op: str, operands: tuple[Value, ...], numbers: tuple[float, ...]) -> Value:
        """The instruction's result, of as little work as the rules find."""
        if op == "affine":
            return self._affine(operands[0], *numbers)
        if op == "mean":
            return self._mean(operands[0])
        if op == "mul" and operands[0] is not operands[1]:
            return self._mul(*operands)
        if op == "add":
            return self._add(*operands)
        return self._emit(op, operands, numbers)

    def _affine(self, x: Value, alpha: float, beta: float) -> Value:
        inner = self._made_by("affine", x)
        if inner is not None:
            first, second = inner.immediates
            return self._affine(inner.operands[0], alpha * first, alpha * second + beta)
        return x if (alpha, beta) == (1.0, 0.0) else self._emit("affine", (x,), (alpha, beta))

    def _mean(self, x: Value) -> Value:
        if x in self.uniform:
            return x
        inner = self._made_by("affine", x)
        if inner is not None:
            return self._affine(self._mean(inner.operands[0]), *inner.immediates)
        inner = self._made_by("mul", x)
        for a, u in _both_ways(inner):
            if u in self.uniform:
                return self._mul(self._mean(a), u)
        return self._emit("mean", (x,))

    def _mul(self, a: Value, b: Value) -> Value:
        for whole, v in ((a, b), (b, a)):
            if v not in self.uniform or whole in self.uniform:
                continue
            for x, u in _both_ways(self._made_by("mul", whole)):
                if u in self.uniform:
                    return self._mul(x, self._mul(u, v))
        return self._emit("mul", (a, b))

    def _add(self, a: Value, b: Value) -> Value:
        of_a, of_b = self._made_by("affine", a), self._made_by("affine", b)
        if of_a is not None and of_b is not None and self._read_once(a) and self._read_once(b):
            alpha, beta = of_a.immediates
            if of_b.immediates == (alpha, 0.0) and beta == 0.0:
                return self._affine(self._add(of_a.operands[0], of_b.operands[0]), alpha, 0.0)
        return self._emit("add", (a, b))

    def _made_by(self, op: str, value: Value) -> Instruction | None:
        node = self.made.get(value)
        return node if node is not None and node.op.name == op else None

    def _read_once(self, value: Value) -> bool:
        """Whether what makes it can go when its one reader has become another."""
        readers = [r for old, new in self.same.items() if new is value for r in self.readers.get(old, ())]
        return value not in self.kept and len(readers) == 1

    def _emit(self, op: str, operands: tuple[Value, ...], numbers: tuple[float, ...] = ()) -> Value:
        key = (op, *map(id, operands), *numbers)
        if key not in self.known:
            out = Value(operands[0].width)
            self.known[key] = out
            self._append(Instruction(lookup(op), operands, numbers, out))
            if op == "mean" or all(value in self.uniform for value in operands):
                self.uniform.add(out)
        return self.known[key]

    def _append(self, node: Instruction) -> None:
        self.nodes.append(node)
        self.made[node.out] = node

    def _rename(self, value: Value, kept: Value) -> None:
        """Let the result of the last instruction be the object that is kept."""
        self.known = {key: kept if known is value else known for key, known in self.known.items()}
        node = self.made[kept] = self.made.pop(value)
        node.out = kept
        if value in self.uniform:
            self.uniform.add(kept)


def _both_ways(node: Instruction | None) -> tuple[tuple[Value, ...], ...]:
    """The two operands in either order; nothing where there is no node."""
    return () if node is None else (node.operands, node.operands[::-1])
