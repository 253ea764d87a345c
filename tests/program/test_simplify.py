"""What is one number for each row leaves means and products of whole rows; the numbers stay."""

import pytest
import torch

from elman.cells import create
from elman.program.adjoint import adjoint
from elman.program.graph import Graph, Instruction, Source, Value
from elman.program.instructions import lookup
from elman.program.simplify import simplified
from oracles.plans import Math


def graph_of(build):
    """What `build` emits from the inputs x and y; its results are the outputs."""
    graph = Graph()
    x, y = (graph.input(Source("mask", name), "H", name) for name in "xy")

    def emit(op, *operands, numbers=()):
        return graph.emit(lookup(op), operands, numbers)

    found = build(emit, x, y)
    for number, value in enumerate(found if isinstance(found, tuple) else (found,)):
        graph.outputs[Source("state", str(number))] = value
    return graph


def computed(graph):
    """The outputs for some rows, each as its value object and its numbers."""
    generator = torch.Generator().manual_seed(0)
    values = {v: torch.randn(3, 7, generator=generator, dtype=torch.float64) for v in graph.inputs.values()}
    for node in graph.nodes:
        assert isinstance(node, Instruction)
        operands = [values[value] for value in node.operands]
        values[node.out] = node.op.arithmetic(Math(), *operands, *node.immediates)
    return [(value, values[value]) for value in graph.outputs.values()]


def mean_of_affine(emit, x, y):
    return emit("mean", emit("affine", x, numbers=(2.0, 1.0)))


def mean_of_scaled(emit, x, y):
    u = emit("mean", y)
    return emit("mean", emit("mul", u, emit("mul", emit("mul", x, u), u)))


def scaled_twice(emit, x, y):
    u = emit("mean", y)
    return emit("mul", emit("mul", x, u), emit("exp", u))


def affine_of_affine(emit, x, y):
    return emit("affine", emit("affine", x, numbers=(2.0, 1.0)), numbers=(3.0, -1.0))


def sum_of_negated(emit, x, y):
    return emit("add", emit("affine", x, numbers=(-1.0, 0.0)), emit("affine", y, numbers=(-1.0, 0.0)))


def the_same_twice(emit, x, y):
    return emit("add", emit("exp", x), emit("exp", x))


def neither_here_nor_there(emit, x, y):
    return emit("exp", emit("affine", x, numbers=(1.0, 0.0)))


CASES = {
    mean_of_affine: ["mean", "affine"],
    mean_of_scaled: ["mean", "mean", "mul", "mul", "mul"],
    scaled_twice: ["mean", "exp", "mul", "mul"],
    affine_of_affine: ["affine"],
    sum_of_negated: ["add", "affine"],
    the_same_twice: ["exp", "add"],
    neither_here_nor_there: ["exp"],
}


@pytest.mark.parametrize("build", CASES, ids=[build.__name__ for build in CASES])
def test_less_is_done_and_the_numbers_stay(build):
    graph = graph_of(build)
    less = simplified(graph)
    assert sorted(node.op.name for node in less.nodes) == sorted(CASES[build])
    for (was, before), (is_now, after) in zip(computed(graph), computed(less), strict=True):
        assert is_now is was
        torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-12)


def full_rows(graph):
    """Instructions that go through whole rows: all but those of numbers that are one for each row."""
    uniform: set[Value] = set()
    count = 0
    for node in graph.nodes:
        if isinstance(node, Instruction):
            one = node.op.name != "mean" and all(value in uniform for value in node.operands)
            count += not one
            if one or node.op.name == "mean":
                uniform.add(node.out)
    return count


def test_a_mean_goes_through_the_row_once_for_all_its_factors():
    graph = graph_of(mean_of_scaled)
    assert (full_rows(graph), full_rows(simplified(graph))) == (5, 2)


def test_kept_values_are_still_computed():
    graph = graph_of(mean_of_affine)
    inner = graph.nodes[0].out
    assert inner not in [node.out for node in simplified(graph).nodes]
    assert inner in [node.out for node in simplified(graph, [inner]).nodes]


def test_equal_results_under_two_names_are_both_there():
    graph = graph_of(
        lambda emit, x, y: (emit("exp", x), emit("exp", x), emit("affine", y, numbers=(1.0, 0.0)))
    )
    for (was, before), (is_now, after) in zip(computed(graph), computed(simplified(graph)), strict=True):
        assert is_now is was
        assert torch.equal(before, after)


def test_a_negated_value_that_others_read_stays():
    def build(emit, x, y):
        a, b = (emit("affine", value, numbers=(-1.0, 0.0)) for value in (x, y))
        return emit("add", a, b), emit("exp", a)

    assert [node.op.name for node in simplified(graph_of(build)).nodes] == ["affine", "affine", "add", "exp"]


def test_layer_norm_takes_few_rows_in_the_backward_pass():
    program = create("lstm", layer_norm=True).program()
    assert full_rows(adjoint(program).graph) < 130
