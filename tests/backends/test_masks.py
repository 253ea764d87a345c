"""Masks: numbers for each run that a step reads; the same at every step, or its own at each."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from elman import cells
from elman.backends import recurrence
from elman.program.graph import Graph, Instruction, Product, Source, Value
from elman.program.instructions import lookup
from elman.program.program import Mask

T, B, SIZES = 5, 3, {"I": 3, "H": 4, "P": 2}


def masked(program):
    """The Program with its first state multiplied by a mask where it enters products."""
    graph, width = program.graph, program.states[0].width
    h, mask, kept = graph.inputs[Source("state", program.states[0].name)], Value(width), Value(width)
    nodes = [Instruction(lookup("mul"), (h, mask), (), kept)]
    for node in graph.nodes:
        if isinstance(node, Product):
            node = dataclasses.replace(node, operands=tuple(kept if v is h else v for v in node.operands))
        nodes.append(node)
    inputs = {**graph.inputs, Source("mask", "drop"): mask}
    graph = Graph(inputs, nodes, dict(graph.outputs))
    return dataclasses.replace(program, graph=graph, masks=(Mask("drop", width),))


@pytest.mark.parametrize("every_step", [False, True], ids=["sequence", "step"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize(
    "cell", [cells.RNN(), cells.GRU(), cells.LSTM(peepholes=True, projection=True)], ids=repr
)
def test_readers_agree(cell, reverse, every_step):
    program = masked(cell.program())
    parameters = {p.name: torch.randn(p.shape(SIZES), requires_grad=True) for p in program.parameters}
    x = torch.randn(T, B, SIZES["I"], requires_grad=True)
    width = SIZES[program.masks[0].width]
    mask = (torch.rand(*([T] if every_step else []), B, width) > 0.3) / 0.7
    found = {}
    for backend, dtype in (("engine", torch.float32), ("reference", torch.float64)):
        sequences, finals = recurrence(
            program,
            x.to(dtype),
            {name: p.to(dtype) for name, p in parameters.items()},
            [None] * len(program.states),
            masks={"drop": mask.to(dtype)},
            lengths=torch.tensor([T, 0, 3]),
            reverse=reverse,
            backend=backend,
        )
        loss = sum(value.square().sum() for value in (*sequences, *finals))
        found[backend] = [*sequences, *finals, *torch.autograd.grad(loss, [x, *parameters.values()])]
    for ours, expected in zip(found["engine"], found["reference"], strict=True):
        torch.testing.assert_close(ours, expected.float(), rtol=2e-5, atol=2e-5)


def test_a_mask_changes_the_result():
    program = masked(cells.GRU().program())
    parameters = {p.name: torch.randn(p.shape(SIZES)) for p in program.parameters}
    x = torch.randn(T, B, SIZES["I"])
    plain = cells.GRU().program()
    for backend in ("engine", "reference"):
        (expected,), _ = recurrence(plain, x, parameters, [None], backend=backend)
        for keep, same in ((1.0, True), (0.5, False)):
            mask = torch.full((B, SIZES["H"]), keep)
            (output,), _ = recurrence(program, x, parameters, [None], masks={"drop": mask}, backend=backend)
            assert torch.equal(output, expected) == same
