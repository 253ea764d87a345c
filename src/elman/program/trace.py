"""Tracing: a cell's `step` runs once on symbols and leaves a Program."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

from elman.errors import CellError
from elman.program.graph import WIDTHS, Graph, Instruction, Product, Source, Value, products, results
from elman.program.program import Parameter, Program, State, Stream
from elman.program.starts import INITS, Feature, Init, Normal
from elman.program.symbols import FUNCTIONS, Symbol, apply, fail


class Trace:
    """What one run of `step` collects: the Graph, the parameters and the streams."""

    def __init__(self, states: tuple[State, ...], bias: bool) -> None:
        self.graph = Graph()
        self.states = states
        self.bias = bias
        self.parameters: dict[str, Parameter] = {}
        self.streams: list[Stream] = []
        self.biased: set[str] = set()  # names of biases, also where the layer leaves them out
        self.x = Symbol(self.graph, Value("I", "x"))

    def state(self, state: State) -> Symbol:
        """The symbol of a state before the step."""
        return Symbol(self.graph, self.graph.input(Source("state", state.name), state.width, state.name))

    def parameter(self, new: Parameter) -> Parameter:
        """Note a parameter at its first use; a second use must agree with the first."""
        known = self.parameters.setdefault(new.name, new)
        if known != new:
            fail(
                f"The parameter {new.name!r} is used in two ways: {known} and {new}.",
                "Give both uses the same gates, widths and init, or different names.",
            )
        return known

    def vector(self, name: str, gates: int, width: str, init: Any) -> tuple[Symbol, ...]:
        """The gates of a per-feature parameter."""
        self.parameter(Parameter(name, gates, width, None, _checked_init(init, gates, vector=True)))
        return tuple(
            Symbol(self.graph, self.graph.input(Source("vector", name, gate), width, ""))
            for gate in range(gates)
        )

    def project(
        self,
        value: Symbol,
        name: str,
        gates: int,
        first: int,
        count: int,
        width: str,
        heads: int,
        bias: bool,
        init: Any,
        bias_init: Any,
    ) -> tuple[Symbol, ...]:
        """Gates of `weight · value + bias`: before the loop where `value` is x, inside it otherwise."""
        weight = self.parameter(
            Parameter(f"weight_{name}", gates, width, value.value.width, _checked_init(init, gates), heads)
        ).name
        with_bias = bias and self.bias
        if bias:
            self.biased.add(f"bias_{name}")
        if with_bias:
            self.parameter(
                Parameter(f"bias_{name}", gates, width, None, _checked_init(bias_init, gates, vector=True))
            )
        bias_name = f"bias_{name}" if with_bias else None
        if value.value is self.x.value:
            return self._stream(
                Stream(f"x{len(self.streams)}", width, weight, bias_name, first, count, heads)
            )
        outs = tuple(Value(width) for _ in range(count))
        product = Product(weight, first, count, (value.value,), outs, bias_name, heads=heads)
        self.graph.nodes.append(product)
        return tuple(Symbol(self.graph, out) for out in outs)

    def _stream(self, stream: Stream) -> tuple[Symbol, ...]:
        self.streams.append(stream)
        return tuple(
            Symbol(self.graph, self.graph.input(Source("stream", stream.name, gate), stream.width, ""))
            for gate in range(stream.count)
        )

    def finish(self, name: str, results: tuple[Symbol, ...]) -> Program:
        """The Program of the step that returned `results`."""
        graph = self.graph
        for state, symbol in zip(self.states, results, strict=True):
            value = symbol.value
            taken = value in graph.outputs.values() or value in graph.inputs.values() or value is self.x.value
            if taken:  # each state gets a value of its own
                value = apply("copy", symbol).value
            value.name = f"{state.name}'"
            graph.outputs[Source("state", state.name)] = value
        if any(self.x.value in node.operands for node in graph.nodes):
            graph.inputs[Source("stream", "x")] = self.x.value
            self.streams.append(Stream("x", "I"))
        self._check_products()
        graph.prune()
        if not any(source.kind == "stream" for source in graph.inputs):
            raise CellError(f'{name}.step does not use x. Project it: self.project(x, "ih").')
        used = {source.name for source in graph.inputs if source.kind == "stream"}
        streams = tuple(s for s in self.streams if s.name in used)
        for stream in streams:
            for gate in range(stream.count):
                value = graph.input(Source("stream", stream.name, gate), stream.width, "")
                number = str(stream.first + gate) if stream.count > 1 else ""
                value.name = value.name or f"{(stream.weight or 'x').removeprefix('weight_')}_x{number}"
        _name_shared(graph)
        return Program(name, self.states, self._ordered_parameters(), streams, graph)

    def _ordered_parameters(self) -> tuple[Parameter, ...]:
        """Torch's order: weights that may have a bias, their biases, then all others."""
        names = list(self.parameters)
        biased = {n.replace("bias_", "weight_") for n in self.biased}
        rank = {n: 0 if n in biased else 1 if n in self.biased else 2 for n in names}
        return tuple(self.parameters[n] for n in sorted(names, key=lambda n: rank[n]))

    def _check_products(self) -> None:
        """A projection that nothing uses is a slip."""
        used = {value for node in self.graph.nodes for value in node.operands}
        used |= set(self.graph.outputs.values())
        gates = [
            (node.weight, node.first + gate, out)
            for node in products(self.graph)
            for gate, out in enumerate(node.outs)
        ]
        gates += [
            (stream.weight, stream.first + gate, self.graph.inputs[Source("stream", stream.name, gate)])
            for stream in self.streams
            if stream.weight is not None
            for gate in range(stream.count)
        ]
        for weight, gate, value in gates:
            if value not in used:
                raise CellError(
                    f"Gate {gate} of {weight!r} is computed by self.project but never used. "
                    "Use it, or name the gates that are wanted with only=(first, stop)."
                )


def trace(cell: Any, states: tuple[State, ...], bias: bool) -> Program:
    """Run `cell.step` on symbols; `cell` is a copy that may carry the trace while it runs."""
    name = type(cell).__name__
    _check_states(name, states)
    collected = Trace(states, bias)
    vars(cell)["_trace"] = collected  # a frozen dataclass refuses to be assigned to
    arguments = (collected.x, *(collected.state(s) for s in states))
    _check_signature(cell, name, states)
    with _names_of_locals(cell.step, collected.graph):
        try:
            results = cell.step(*arguments)
        except CellError:
            raise
        except (TypeError, NameError, AttributeError, ValueError, IndexError) as error:
            fail(
                f"{name}.step raised {type(error).__name__}: {error}.",
                f"A step may use + - * /, self.project, self.vector and these functions of elman.cells: "
                f"{', '.join(FUNCTIONS)}.",
                error,
            )
    return collected.finish(name, _checked_results(cell, name, states, results))


def _check_states(name: str, states: tuple[State, ...]) -> None:
    names = [s.name for s in states]
    if not states or len(set(names)) != len(names):
        raise CellError(
            f"{name}.states: expected one or more different states, got {names}. "
            'Declare them in the class, such as states = (State("h"), State("c")).'
        )
    for state in states:
        if state.width not in WIDTHS:
            raise CellError(
                f"{name}.states: state {state.name!r} has width {state.width!r}; expected 'H', 'P' or 'I'."
            )


def _check_signature(cell: Any, name: str, states: tuple[State, ...]) -> None:
    try:
        inspect.signature(cell.step).bind(None, *states)
    except TypeError:
        declared = ", ".join(s.name for s in states)
        line = cell.step.__func__.__code__.co_firstlineno
        raise CellError(
            f"{name}.step takes {inspect.signature(cell.step)}, but the cell's states are ({declared}).\n"
            f"  {cell.step.__func__.__code__.co_filename}:{line}\n"
            f"Write it as step(self, x, {declared})."
        ) from None


def _checked_results(cell: Any, name: str, states: tuple[State, ...], results: Any) -> tuple[Symbol, ...]:
    """The returned states as symbols of the right widths, or an error that names the cell's `step`."""
    code = cell.step.__func__.__code__
    place = f"\n  {code.co_filename}:{code.co_firstlineno}, in {code.co_name}\n"
    returned = results if isinstance(results, tuple) else (results,)
    declared = ", ".join(s.name for s in states)
    if len(returned) != len(states):
        raise CellError(
            f"{name}.step returned {len(returned)} value(s) for {len(states)} state(s) ({declared}).{place}"
            f"Return the new value of every state, in that order: return {declared}."
        )
    for state, symbol in zip(states, returned, strict=True):
        if not isinstance(symbol, Symbol):
            raise CellError(
                f"{name}.step returned {type(symbol).__name__} {symbol!r} for state {state.name!r}.{place}"
                "Return symbols computed from x, the states and the parameters."
            )
        if symbol.value.width != state.width:
            raise CellError(
                f"{name}.step returned width {symbol.value.width} for state {state.name!r} of width "
                f"{state.width} (I: input, H: hidden, P: projected).{place}"
                f'Bring it there with self.project(value, "name", width={state.width!r}).'
            )
    return returned


def _checked_init(init: Any, gates: int, vector: bool = False) -> Init:
    if init is None:
        return "uniform"
    if isinstance(init, str):
        if init not in INITS:
            fail(
                f"init: unknown initialisation {init!r}.",
                f"Valid: {', '.join(INITS)}, or a number for each gate.",
            )
        return init
    if isinstance(init, Normal) and not vector:
        return init
    if callable(init) and vector:
        return cast(Feature, init)
    if isinstance(init, Normal) or callable(init):
        fail(
            f"init: {init!r} does not fit a {'vector' if vector else 'matrix'}.",
            "Normal is for matrices; a function that gives each feature its numbers is for vectors.",
        )
    numbers = tuple(init) if isinstance(init, tuple | list) else (init,) * gates
    if len(numbers) != gates or any(isinstance(n, str | bool) for n in numbers):
        fail(
            f"init: expected a number or None for each of {gates} gates, got {init!r}.",
            "Give one for each gate.",
        )
    return tuple(None if n is None else float(n) for n in numbers)


def _name_shared(graph: Graph) -> None:
    """What the listing cannot write inside another line gets a name: v1, v2 … in the order of the step."""
    consumers = graph.consumers()
    for source, value in graph.inputs.items():
        value.name = value.name or f"{source.name}{source.gate}"
    number = 0
    for node in graph.nodes:
        users = consumers.get(results(node)[0], [])
        inside = isinstance(node, Instruction) and len(users) == 1 and isinstance(users[0], Instruction)
        for value in results(node):
            if not value.name and not inside:
                number += 1
                value.name = f"v{number}"


@contextmanager
def _names_of_locals(step: Callable, graph: Graph) -> Iterator[None]:
    """While `step` runs, watch for its return and give values the names of its local variables.

    Where somebody's profiler is at work it is left alone, and values go without those names.
    """
    if sys.getprofile() is not None:
        yield
        return
    code = step.__func__.__code__  # type: ignore[attr-defined]

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "return" and frame.f_code is code:
            for name, symbol in frame.f_locals.items():
                if isinstance(symbol, Symbol) and symbol.graph is graph and not symbol.value.name:
                    symbol.value.name = name

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)
