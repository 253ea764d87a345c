"""The adjoint of a Program: reverse mode over the same instruction table, itself a Graph of one time step.

Walking the steps backward, each adjoint step takes the gradient of the states after the step (from the later
step, `carry`, and for the output or every state also from above, `gradient`) and gives the gradient of the
states before it, of the streams, and of every product's result. From the last two the weight gradients follow
outside the loop, as one large product over all steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from elman.program import listing
from elman.program.graph import Graph, Instruction, Product, Source, Value, products, results
from elman.program.program import Program
from elman.program.simplify import simplified
from elman.program.symbols import Symbol, Symbolic, apply

_MATH = Symbolic()


@dataclass(frozen=True, eq=False)
class Adjoint:
    """An adjoint step and what it needs from the forward pass; `print` shows its listing.

    program: whose adjoint it is.
    graph: outputs are `carry` (state before the step), `stream`, `product` (name: its number in the forward
        Graph) and `vector` (to be summed over rows and steps).
    saved: forward values to store at every step; an input `forward` with name "i" is the i-th of them.
    operands: for each forward product, where its operand stands in the backward pass.
    """

    program: Program
    graph: Graph
    saved: tuple[Value, ...]
    operands: tuple[Source, ...]

    def __str__(self) -> str:
        return listing.backward(self)


def adjoint(program: Program, all_states: bool = False) -> Adjoint:
    """Derive the adjoint step; with `all_states` every state has a gradient from above, else the output.

    What the backward pass needs is stored, unless it is cheap and follows from what is there anyway.
    """
    probe = _Derivation(program, saved=None, all_states=all_states)
    probe.derive()
    saved = _choose_saved(program, probe.needed())
    derivation = _Derivation(program, saved, all_states)
    derivation.derive()
    operands = tuple(derivation.source_of(node.operands[0]) for node in products(program.graph))
    return Adjoint(program, simplified(derivation.graph), saved, operands)


def _choose_saved(program: Program, needed: set[Value]) -> tuple[Value, ...]:
    """Values to store: what is dear, what weight gradients read, and what cannot be had from those."""
    graph = program.graph
    at_hand = (set(graph.inputs.values()) | set(graph.outputs.values())) - program.projected
    read_later = {node.operands[0] for node in products(graph)}
    producers = graph.producers()

    def stored(value: Value) -> bool:
        node = producers[value]
        return value in read_later or isinstance(node, Product) or not node.op.cheap

    wanted = [
        v for node in graph.nodes for v in results(node) if v in needed | read_later and v not in at_hand
    ]
    saved = [v for v in graph.inputs.values() if v in program.projected & needed]
    saved += [v for v in wanted if stored(v)]

    def follows(value: Value) -> bool:
        if value in at_hand or value in saved:
            return True
        node = producers.get(value)
        return isinstance(node, Instruction) and node.op.cheap and all(follows(v) for v in node.operands)

    for value in wanted:
        if not follows(value):
            saved.append(value)
    return tuple(saved)


class _Derivation:
    """One pass of reverse mode. With `saved=None` it only collects which forward values are needed."""

    def __init__(self, program: Program, saved: tuple[Value, ...] | None, all_states: bool) -> None:
        self.program = program
        self.saved = saved
        self.all_states = all_states
        self.graph = Graph()
        self.gradients: dict[Value, Symbol] = {}
        self.forwards: dict[Value, Symbol] = {}
        #: projections of x are computed in the step: those that are read back are saved like other products
        self.sources = {v: s for v, s in program.graph.sources().items() if v not in program.projected}
        self.producers = program.graph.producers()
        self.after = {value: source.name for source, value in program.graph.outputs.items()}

    def derive(self) -> None:
        """Fill the Graph."""
        self._seed()
        for node in reversed(self.program.graph.nodes):
            if any(value in self.gradients for value in results(node)):
                self._instruction(node) if isinstance(node, Instruction) else self._product(node)
        self._collect()
        self.graph.prune()

    def _seed(self) -> None:
        """Gradients of the new states: from the later step, for those handed out also from above."""
        for number, state in enumerate(self.program.states):
            value = self.program.graph.outputs[Source("state", state.name)]
            gradient = self._input(Source("carry", state.name), state.width, f"d{state.name}'")
            if number == 0 or self.all_states:
                from_above = Source("gradient", state.name)
                gradient = gradient + self._input(from_above, state.width, f"d{state.name} from above")
            self._add(value, gradient)

    def _instruction(self, node: Instruction) -> None:
        operands = [self.forward(value) for value in node.operands]
        arguments = (self.gradients[node.out], self.forward(node.out), *operands, *node.immediates)
        for value, gradient in zip(node.operands, node.op.adjoint(_MATH, *arguments), strict=True):
            if gradient is not None:
                self._add(value, gradient)

    def _product(self, node: Product) -> None:
        slices = tuple(self._gradient_or_zero(out, node).value for out in node.outs)
        out = Value(node.operands[0].width)
        back = Product(node.weight, node.first, node.count, slices, (out,), transposed=True, heads=node.heads)
        self.graph.nodes.append(back)
        self._add(node.operands[0], Symbol(self.graph, out))

    def _gradient_or_zero(self, value: Value, node: Product) -> Symbol:
        """A gate behind `sign` or a condition has no gradient; its block of the weight gets zeros."""
        if value not in self.gradients:
            like = next(self.gradients[out] for out in node.outs if out in self.gradients)
            self.gradients[value] = _MATH.constant(like, 0.0)
        return self.gradients[value]

    def _collect(self) -> None:
        """Name what leaves the adjoint step, zeros included where no gradient arrives."""
        for number, node in enumerate(products(self.program.graph)):
            for gate, out in enumerate(node.outs):
                if out in self.gradients:
                    self._output(Source("product", str(number), gate), self.gradients[out])
        for source, value in self.program.graph.inputs.items():
            if source.kind not in ("state", "mask") and value in self.gradients:
                self._output(source, self.gradients[value])
        for stream in self.program.streams:
            for gate in range(stream.count):
                self._default_to_zero(Source("stream", stream.name, gate), stream.width)
        for state in self.program.states:
            before = self.program.graph.inputs.get(Source("state", state.name))
            if before in self.gradients:
                self._output(Source("carry", state.name), self.gradients[before])
            self._default_to_zero(Source("carry", state.name), state.width)

    def _output(self, source: Source, gradient: Symbol) -> None:
        """An output of its own: an input handed on unchanged is copied."""
        if gradient.value in self.graph.inputs.values():
            gradient = apply("copy", gradient)
        self.graph.outputs[source] = gradient.value

    def _default_to_zero(self, source: Source, width: str) -> None:
        if source not in self.graph.outputs:
            like = next(v for v in self.graph.inputs.values() if v.width == width)
            self.graph.outputs[source] = _MATH.constant(Symbol(self.graph, like), 0.0).value

    def _add(self, value: Value, gradient: Symbol) -> None:
        known = self.gradients.get(value)
        self.gradients[value] = gradient if known is None else known + gradient

    def _input(self, source: Source, width: str, name: str) -> Symbol:
        return Symbol(self.graph, self.graph.input(source, width, name))

    def source_of(self, value: Value) -> Source:
        """Where a forward value that was kept stands in the backward pass."""
        if value in self.sources:
            return self.sources[value]
        if value in self.after:
            return Source("after", self.after[value])
        return Source("forward", str((self.saved or ()).index(value)))

    def forward(self, value: Value) -> Symbol:
        """A forward value as a symbol of the adjoint: read back, or computed again.

        Rules are handed every operand; what they do not use is pruned from the Graph afterwards.
        """
        if value not in self.forwards:
            self.forwards[value] = self._forward(value)
        return self.forwards[value]

    def _forward(self, value: Value) -> Symbol:
        kept = (
            value in self.sources or value in self.after or (self.saved is not None and value in self.saved)
        )
        if kept and self.saved is not None:
            return self._input(self.source_of(value), value.width, value.name)
        node = self.producers.get(value)
        if self.saved is not None and isinstance(node, Instruction):
            operands = tuple(self.forward(v).value for v in node.operands)
            return Symbol(self.graph, self.graph.emit(node.op, operands, node.immediates))
        return self._input(Source("probe", str(len(self.forwards))), value.width, value.name)

    def needed(self) -> set[Value]:
        """The forward values that the derived Graph reads."""
        live = set(self.graph.inputs.values())
        return {value for value, symbol in self.forwards.items() if symbol.value in live}
