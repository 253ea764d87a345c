"""Every entry of the instruction table: its adjoint against torch's autograd, its text, its unknown names."""

from __future__ import annotations

import pytest
import torch

from elman.backends.reference import TorchMath
from elman.errors import ArgumentError
from elman.program.functions import ACTIVATIONS, activation
from elman.program.instructions import OPS, lookup


class AdjointMath(TorchMath):
    """Tensors, with the instructions that only adjoints use."""

    def __getattr__(self, name):
        if name in ("affine", "tanh_grad", "sigmoid_grad"):
            return lambda *operands: OPS[name].arithmetic(self, *operands)
        return super().__getattr__(name)


@pytest.mark.parametrize("name", OPS)
def test_adjoint_is_the_derivative(name):
    op = lookup(name)
    immediates = {"affine": (1.5, -0.25), "constant": (2.0,)}.get(name, ())
    torch.manual_seed(3)
    operands = [(torch.rand(64, dtype=torch.float64) * 2 - 1).requires_grad_() for _ in range(op.arity)]
    if name in ("log", "log1p", "sqrt", "rsqrt"):
        operands = [(o.detach().abs() + 0.1).requires_grad_() for o in operands]
    math = AdjointMath()
    result = op.arithmetic(math, *operands, *immediates)
    g = torch.rand(64, dtype=torch.float64)
    found = op.adjoint(math, g, result, *operands, *immediates)
    expected = (
        torch.autograd.grad(result, operands, g, allow_unused=True)
        if result.requires_grad
        else [None] * op.arity
    )
    for ours, torchs in zip(found, expected, strict=True):
        ours = torch.zeros(64, dtype=torch.float64) if ours is None else ours
        torchs = torch.zeros(64, dtype=torch.float64) if torchs is None else torchs
        torch.testing.assert_close(ours, torchs, rtol=1e-12, atol=1e-12)


def test_every_entry_prints_itself():
    for op in OPS.values():
        if op.name not in ("affine", "constant"):
            slots = [f"a{i}" for i in range(op.arity)]
            assert all(slot in op.infix.format(*slots) for slot in slots), op.name
            assert all(slot in op.latex.format(*slots) for slot in slots), op.name


def test_unknown_names_are_answered():
    with pytest.raises(
        ArgumentError, match=r"instruction: unknown name 'tan'. Did you mean 'tanh'\? Valid: "
    ):
        lookup("tan")
    with pytest.raises(
        ArgumentError, match=r"activation: unknown name 'rleu'. Did you mean 'relu'\? Valid: "
    ):
        activation("rleu")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_torch_s(name):
    from elman import cells
    from elman.backends import recurrence

    torchs = {
        "sin": torch.sin,
        "cos": torch.cos,
        "identity": lambda v: v,
        "hard_tanh": torch.nn.functional.hardtanh,
        "hard_sigmoid": torch.nn.functional.hardsigmoid,
        "gelu": lambda v: torch.nn.functional.gelu(v, approximate="tanh"),
    }
    function = torchs.get(name) or getattr(torch.nn.functional, name)
    program = cells.RNN(name).program(bias=False)
    x = torch.linspace(-5, 5, 101, dtype=torch.float64).reshape(1, 101, 1)
    parameters = {"weight_ih": torch.ones(1, 1).double(), "weight_hh": torch.zeros(1, 1).double()}
    (output,), _ = recurrence(program, x, parameters, [None], backend="reference")
    torch.testing.assert_close(output, function(x), rtol=1e-12, atol=1e-12)
