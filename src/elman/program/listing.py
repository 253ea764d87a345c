"""A Program as text: the listing a person reads, the same in LaTeX, and a canonical form to hash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from elman.program.graph import Graph, Instruction, Node, Product, Source, Value, products, results

if TYPE_CHECKING:
    from elman.program.adjoint import Adjoint
    from elman.program.program import Program

_SUM, _PRODUCT, _SIGN, _CALL = 1, 2, 3, 4


def listing(program: Program) -> str:
    """One line for each product and for each value with a name or several uses."""
    states = ", ".join(f"{s.name} ({s.width})" for s in program.states)
    lines = [f"{program.name}: state {states}"]
    inputs = program.graph.inputs
    for stream in program.streams:
        names = " ".join(_plain(inputs[Source("stream", stream.name, gate)]) for gate in range(stream.count))
        if stream.weight is not None:
            product = _product(stream.weight, stream.bias, "x", stream.heads)
            lines.append(f"  {names} = {product}   before the loop, for all steps")
    for names, expression, is_product in _statements(program.graph, _plain, _infix):
        lines.append(f"  {names} = {expression}" + ("   product" if is_product else ""))
    linear = [name for group in program.scans if _recurs(program, group) for name in group]
    if linear:
        lines.append(f"  linear and elementwise in {', '.join(linear)}")
    return "\n".join(lines)


def backward(adjoint: Adjoint) -> str:
    """The adjoint step: dv is the gradient of v, and a prime means after the step, as in the listing."""
    program, graph = adjoint.program, adjoint.graph
    names = {value: value.name or _kept(adjoint, source) for source, value in graph.inputs.items()}
    also = []
    for source, value in graph.outputs.items():
        name = "d" + _differentiated(program, source)
        if value in names:
            also.append(f"  {name} = {names[value]}")
        elif name not in names.values():
            names[value] = name
    for number, value in enumerate(value for node in graph.nodes for value in results(node)):
        names.setdefault(value, f"b{number}")

    def name_of(value: Value) -> str:
        return names[value]

    def infix(graph: Graph, node: Instruction) -> tuple[str, int]:
        return _expression(graph, node, name_of, "infix")

    arriving = ", ".join(names[v] for s, v in graph.inputs.items() if s.kind in ("carry", "gradient"))
    lines = [f"{program.name}, backward: {arriving} arrive"]
    for left, expression, is_product in _statements(graph, name_of, infix):
        lines.append(f"  {left} = {expression}" + ("   product" if is_product else ""))
    return "\n".join(lines + also)


def _kept(adjoint: Adjoint, source: Source) -> str:
    """A nameless value of the forward step that was stored, as its expression in brackets."""
    graph = adjoint.program.graph
    node = graph.producers()[adjoint.saved[int(source.name)]]
    assert isinstance(node, Instruction)
    return f"[{_infix(graph, node)[0]}]"


def _differentiated(program: Program, source: Source) -> str:
    """The name of the forward value whose gradient leaves an adjoint step as that output."""
    if source.kind == "product":
        return _plain(list(products(program.graph))[int(source.name)].outs[source.gate])
    if source.kind == "carry":
        return source.name
    return _plain(program.graph.inputs[source]) if source in program.graph.inputs else source.name


def _recurs(program: Program, group: tuple[str, ...]) -> bool:
    """Whether a group is more than a value handed on: some state of it is seen by the step."""
    return any(Source("state", name) in program.graph.inputs for name in group)


def latex(program: Program) -> str:
    """An `aligned` block; products stand inside the lines that use them."""
    lines = []
    inputs = program.graph.inputs
    before = {value for source, value in inputs.items() if source.kind == "state"}

    def name_of(value: Value) -> str:
        return _latex_name(value, before)

    for stream in program.streams:
        if stream.weight is None:
            continue
        for gate in range(stream.count):
            name = name_of(inputs[Source("stream", stream.name, gate)])
            product = _latex_product(stream.weight, stream.bias, stream.first + gate, "x_t", stream.heads)
            lines.append(f"{name} &= {product}")
    for node in program.graph.nodes:
        if isinstance(node, Product):
            operand = name_of(node.operands[0])
            for gate, out in enumerate(node.outs):
                product = _latex_product(node.weight, node.bias, node.first + gate, operand, node.heads)
                lines.append(f"{name_of(out)} &= {product}")
        else:
            lines.extend(
                f"{names} &= {expression}"
                for names, expression in _line(
                    program.graph,
                    node,
                    name_of,
                    lambda graph, node: _expression(graph, node, name_of, "latex"),
                )
            )
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def canonical(graph: Graph) -> str:
    """The Graph with values numbered in order, free of names that a person chose."""
    numbers: dict[Value, str] = {}
    lines = []
    for source, value in graph.inputs.items():
        numbers[value] = f"%{len(numbers)}"
        lines.append(f"{numbers[value]} = {source} {value.width}")
    for node in graph.nodes:
        operands = " ".join(numbers[v] for v in node.operands)
        outs = (node.out,) if isinstance(node, Instruction) else node.outs
        for out in outs:
            numbers[out] = f"%{len(numbers)}"
        head = " ".join(numbers[out] for out in outs)
        if isinstance(node, Instruction):
            lines.append(f"{head} = {node.op.name} {operands} {node.immediates} {node.out.width}")
        else:
            detail = (node.weight, node.first, node.count, node.bias, node.transposed, node.heads)
            lines.append(f"{head} = product {detail} {operands} {outs[0].width}")
    lines.extend(f"{source} <- {numbers[value]}" for source, value in graph.outputs.items())
    return "\n".join(lines)


def _statements(graph: Graph, name: Callable, render: Callable) -> list[tuple[str, str, bool]]:
    """(names, expression, is a product) for every line of the listing."""
    found = []
    for node in graph.nodes:
        if isinstance(node, Product):
            names = " ".join(name(out) for out in node.outs)
            operands = " ".join(name(v) for v in node.operands)
            operand = operands if len(node.operands) == 1 else f"[{operands}]"
            weight = f"{node.weight}ᵀ" if node.transposed else node.weight
            found.append((names, _product(weight, node.bias, operand, node.heads), True))
        else:
            found.extend((names, text, False) for names, text in _line(graph, node, name, render))
    return found


def _line(graph: Graph, node: Instruction, name: Callable, render: Callable) -> list[tuple[str, str]]:
    """The line of an instruction, or none where it is written inside the line of its only user."""
    return [] if _inlined(graph, node.out) else [(name(node.out), render(graph, node)[0])]


def _inlined(graph: Graph, value: Value) -> bool:
    users = graph.consumers().get(value, [])
    only_user = len(users) == 1 and isinstance(users[0], Instruction)
    return not value.name and only_user and value not in graph.outputs.values()


def _plain(value: Value) -> str:
    return value.name or f"v{id(value) % 10000}"


def _latex_name(value: Value, before: set[Value]) -> str:
    """h is h_{t-1} before the step, and h' is h_t."""
    name = _plain(value)
    if name.endswith("'"):
        return f"{_escape(name[:-1])}_t"
    return f"{_escape(name)}_{{t-1}}" if value in before else _escape(name)


def _escape(name: str) -> str:
    return name if len(name) == 1 else rf"\mathrm{{{name}}}".replace("_", r"\_")


def _product(weight: str, bias: str | None, operand: str, heads: int) -> str:
    parts = "" if heads == 1 else f" by {heads} heads"
    return f"{weight} · {operand}{parts}" + (f" + {bias}" if bias else "")


def _latex_product(weight: str, bias: str | None, gate: int, operand: str, heads: int) -> str:
    """A block-diagonal weight is written as the direct sum of its heads."""
    kind = weight.removeprefix("weight_")
    matrix = rf"W_{{\mathrm{{{kind}}}}}^{{({gate})}}"
    if heads > 1:
        matrix = rf"\Big(\bigoplus_{{n=1}}^{{{heads}}} W_{{\mathrm{{{kind}}},n}}^{{({gate})}}\Big)"
    text = f"{matrix} {operand}"
    return text + (rf" + b_{{\mathrm{{{kind}}}}}^{{({gate})}}" if bias else "")


def _infix(graph: Graph, node: Instruction) -> tuple[str, int]:
    return _expression(graph, node, _plain, "infix")


def _expression(graph: Graph, node: Instruction, name: Callable, form: str) -> tuple[str, int]:
    """(text, precedence) of an instruction with its inlined operands."""
    producers = graph.producers()
    op = node.op
    texts = []
    for position, value in enumerate(node.operands):
        producer: Node | None = producers.get(value)
        if isinstance(producer, Instruction) and _inlined(graph, value):
            text, precedence = _expression(graph, producer, name, form)
        else:
            text, precedence = name(value), _CALL
        if _needs_brackets(op.name, op.precedence, position, precedence):
            text = rf"\left({text}\right)" if form == "latex" else f"({text})"
        texts.append(text)
    if op.name == "affine":
        return _affine(texts[0], *node.immediates, dot=r"\," if form == "latex" else " * ")
    if op.name == "constant":
        return f"{node.immediates[0]:g}", _CALL
    return getattr(op, form).format(*texts), op.precedence


def _needs_brackets(op: str, outer: int, position: int, inner: int) -> bool:
    if outer == _CALL:
        return False
    if op == "affine":
        return inner <= _PRODUCT
    right = position == 1 and op in ("sub", "div")
    return inner < outer or (right and inner == outer)


def _affine(operand: str, alpha: float, beta: float, dot: str) -> tuple[str, int]:
    """alpha * a + beta without its ones and zeros."""
    if beta == 0.0:
        if alpha == -1.0:
            return f"-{operand}", _SUM
        return f"{alpha:g}{dot}{operand}", _PRODUCT
    if alpha < 0:
        scaled = operand if alpha == -1.0 else f"{-alpha:g}{dot}{operand}"
        return f"{beta:g} - {scaled}", _SUM
    scaled = operand if alpha == 1.0 else f"{alpha:g}{dot}{operand}"
    return f"{scaled} {'-' if beta < 0 else '+'} {abs(beta):g}", _SUM
