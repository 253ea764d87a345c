"""The engine as torch's operators: torch's own checks, torch.compile, and gradients of gradients."""

from __future__ import annotations

import pytest
import torch

from elman import cells, nn
from elman.backends import operators, prepare, recurrence


def inputs(cell, lengths=None):
    """The operator's arguments for a small batch."""
    program = cell.program()
    prepare(program)
    sizes = {"I": 3, "H": 4, "P": 2}
    x = torch.randn(5, 2, 3, requires_grad=True)
    parameters = [torch.randn(p.shape(sizes), requires_grad=True) for p in program.parameters]
    states = [torch.randn(2, sizes[s.width], requires_grad=True) for s in program.states]
    return (
        program.key,
        False,
        False,
        [x, *parameters, *states],
        [],
        lengths,
        torch.rand(5, 2) > 0.5,
        False,
        False,
        True,
    )


@pytest.mark.parametrize("name", cells.names())
def test_opcheck(name):
    for options in cells.variants(name):
        arguments = inputs(cells.create(name, **options), torch.tensor([5, 2]))
        torch.library.opcheck(operators.recurrence, arguments, test_utils=("test_schema", "test_faketensor"))
        torch.library.opcheck(operators.recurrence, arguments, test_utils="test_autograd_registration")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # raised by inductor's own imports
@pytest.mark.parametrize("ragged", [False, True])
def test_compiled_models_are_one_graph_and_agree(ragged):
    torch.manual_seed(4)
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), nn.LSTM(3, 4, batch_first=True, bidirectional=True))
    lengths = torch.tensor([6, 3]) if ragged else None

    def loss(x):
        output, (h, _) = model[1](model[0](x), lengths=lengths)
        return output.square().sum() + h.sum()

    compiled_loss = torch.compile(loss, fullgraph=True)
    x = torch.randn(2, 6, 3)
    gradients = []
    for function in (loss, compiled_loss):
        model.zero_grad()
        value = function(x)
        value.backward()
        gradients.append([value.detach(), *(p.grad.clone() for p in model.parameters())])
    for plain, fast in zip(*gradients, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", cells.names())
def test_gradients_of_gradients_whichever_reader_ran(name):
    program = cells.create(name).program()
    sizes = {"I": 3, "H": 4}
    penalties = {}
    for backend in ("engine", "reference"):
        torch.manual_seed(5)
        parameters = {
            p.name: (0.5 * torch.randn(p.shape(sizes))).requires_grad_() for p in program.parameters
        }
        x = torch.randn(4, 2, 3, requires_grad=True)
        (output,), _ = recurrence(program, x, parameters, [None] * len(program.states), backend=backend)
        (slope,) = torch.autograd.grad(output.square().sum(), x, create_graph=True)
        penalties[backend] = torch.autograd.grad(
            slope.square().sum(), [x, *parameters.values()], allow_unused=True
        )
    for ours, expected in zip(penalties["engine"], penalties["reference"], strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
