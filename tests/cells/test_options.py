"""The options of the cells: every combination is allowed, and what cannot be is refused by name."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
import torch
from torch import Tensor

import elman
from elman import cells
from elman.backends import recurrence
from elman.errors import ArgumentError
from elman.nn import Recurrent

FLAGS = ("peepholes", "projection", "coupled", "layer_norm")
SIZES = {"I": 2, "H": 4, "P": 2}


def lstms() -> list[dict[str, Any]]:
    """Each combination of the LSTM's flags, under functions of the gates and the state that go round."""
    functions = sorted(cells.ACTIVATIONS)
    found = []
    for number, flags in enumerate(itertools.product([False, True], repeat=len(FLAGS))):
        state, gate = functions[number % len(functions)], functions[-1 - number % len(functions)]
        found.append({**dict(zip(FLAGS, flags, strict=True)), "activation": state, "gate_activation": gate})
    return found


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=len(FLAGS))))
def test_every_combination_of_the_lstm_traces(flags: tuple[bool, ...]) -> None:
    options = dict(zip(FLAGS, flags, strict=True))
    for state, gate in itertools.product(cells.ACTIVATIONS, repeat=2):
        program = cells.LSTM(**options, activation=state, gate_activation=gate, forget_bias=1.0).program()
        shapes = {p.name: p.shape(SIZES) for p in program.parameters}
        gates = 3 if options["coupled"] else 4
        assert shapes["weight_hh"] == (gates * 4, 2 if options["projection"] else 4)
        assert shapes["bias_ih"] == (gates * 4,)
        assert shapes.get("peephole") == ((4 * (gates - 1),) if options["peepholes"] else None)
        assert ("norm_ih" in shapes) == ("norm_c" in shapes) == options["layer_norm"]
        assert ("weight_hr" in shapes) == options["projection"]


def gradients_check(cell: cells.Cell) -> None:
    """First and second derivatives on the reference, in float64, against finite differences."""
    program = cell.program()
    draw = random.Random(3)
    torch.manual_seed(draw.randrange(1000))
    leaves = [torch.randn(3, 2, SIZES["I"], dtype=torch.float64)]
    leaves += [0.7 * torch.randn(p.shape(SIZES), dtype=torch.float64) for p in program.parameters]
    for leaf in leaves:
        leaf.requires_grad_()

    def run(x: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        named = {p.name: value for p, value in zip(program.parameters, values, strict=True)}
        sequences, finals = recurrence(
            program, x, named, [None] * len(program.states), backend="reference", all_states=True
        )
        return *sequences, *finals

    assert torch.autograd.gradcheck(run, tuple(leaves), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, tuple(leaves), fast_mode=True)


@pytest.mark.parametrize(
    "options", lstms(), ids=lambda o: "-".join(k if v is True else str(v) for k, v in o.items() if v)
)
def test_gradients_of_every_combination_of_the_lstm(options: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    gradients_check(cells.LSTM(**options))


@pytest.mark.parametrize("name", cells.ACTIVATIONS)
def test_gradients_of_every_activation(name: str) -> None:
    torch.set_num_threads(1)
    gradients_check(cells.RNN(activation=name))


@pytest.mark.parametrize("name", cells.ACTIVATIONS)
def test_slopes_at_zero_are_those_of_torch(name: str) -> None:
    """Where an input and a state are zeros and there are no biases, sums are exactly 0."""
    layer = Recurrent(cells.RNN(activation=name), 1, 1, bias=False, backend="reference", dtype=torch.float64)
    x = torch.zeros(1, 1, 1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x)[0].sum(), x)
    at_zero = {"relu": 0.0, "leaky_relu": 0.01, "sigmoid": 0.25, "hard_sigmoid": 1 / 6, "cos": 0.0}
    at_zero |= dict.fromkeys(("softplus", "silu", "gelu"), 0.5)
    assert slope.item() == pytest.approx(at_zero.get(name, 1.0) * layer.weight_ih_l0.item())


@pytest.mark.parametrize("backend", ["engine", "reference"])
def test_equal_operands_give_their_gradient_to_the_second(backend: str) -> None:
    class Ties(cells.Cell):
        def step(self, x, h):
            a, b = self.project(x, "ih", gates=2, bias=False)
            return cells.maximum(a, b) + 2 * cells.minimum(a, b) + 0 * h

    layer = Recurrent(Ties(), 1, 1, backend=backend)
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1.0)
    layer(torch.ones(1, 1, 1))[0].sum().backward()
    assert layer.weight_ih_l0.grad.flatten().tolist() == [0.0, 3.0]


@pytest.mark.parametrize(("n", "m", "k"), list(itertools.product([0, 1, 3], repeat=3)))
def test_any_taps_of_narx(n: int, m: int, k: int) -> None:
    layer = Recurrent(cells.NARX(outputs=n, hidden=m, inputs=k), 2, 4)
    oracle = Recurrent(layer.cell, 2, 4, backend="reference", dtype=torch.float64)
    oracle.load_state_dict(layer.state_dict())
    x = torch.randn(6, 3, 2)
    torch.testing.assert_close(layer(x)[0], oracle(x.double())[0].float(), rtol=1e-5, atol=1e-5)
    assert sum(name.startswith("weight_") for name, _ in layer.named_parameters()) == n + m + k + 2


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lstm", {"peephole": True}, "lstm option: unknown name 'peephole'. Did you mean 'peepholes'?"),
        ("lstm", {"activation": "tan"}, "activation: unknown name 'tan'. Did you mean 'tanh'?"),
        ("lstm", {"coupled": 1}, "coupled: expected True or False, got 1."),
        ("lstm", {"forget_bias": float("nan")}, "forget_bias: expected a finite number, got nan."),
        ("rnn", {"start": "eye"}, "start: unknown name 'eye'. Valid: identity, orthogonal, uniform."),
        ("narx", {"inputs": -1}, "inputs: expected an integer >= 0, got -1."),
        ("qrnn", {"window": 0}, "window: expected an integer >= 1, got 0."),
        ("indrnn", {"low": 2.0}, "low: expected a number of at most high = 1, got 2.0."),
        ("lru", {"high": 1.0}, "high: expected a number between 0 and 1, got 1.0."),
        ("lru", {"low": -0.5}, "low: expected a number of at least 0, got -0.5."),
        ("lru", {"phase": 0}, "phase: expected a finite number above 0, got 0."),
        ("slstm", {"forget": "exp"}, "forget: unknown name 'exp'. Valid: exponential, sigmoid."),
        ("slstm", {"heads": 0}, "heads: expected an integer >= 1, got 0."),
    ],
)
def test_what_an_option_cannot_be(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as error:
        cells.create(name, **options)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("name", cells.names())
def test_a_cell_in_a_stack_of_layers(name: str) -> None:
    """Layers, directions, no biases, both readers, ragged lengths and a projection where the cell has one."""
    projected = "projection" in cells.options(name)
    layer = Recurrent(
        name, 2, 6, num_layers=2, bias=False, bidirectional=True, proj_size=3 if projected else 0
    )
    assert elman.explain(layer).reader == "engine"
    oracle = Recurrent(layer.cell, 2, 6, 2, False, bidirectional=True, proj_size=3 if projected else 0,
                       backend="reference", dtype=torch.float64)  # fmt: skip
    oracle.load_state_dict(layer.state_dict())
    assert not any("bias" in key for key in layer.state_dict())
    x = torch.randn(5, 3, 2)
    lengths = [5, 0, 3]
    output, _ = layer(x, lengths=lengths)
    assert output.shape == (5, 3, 2 * (3 if projected else 6))
    torch.testing.assert_close(output, oracle(x.double(), lengths=lengths)[0].float(), rtol=1e-4, atol=1e-5)
    if not projected:
        with pytest.raises(ArgumentError, match=r"proj_size: expected 0 for .*, which has no projection"):
            Recurrent(name, 2, 6, proj_size=3)
