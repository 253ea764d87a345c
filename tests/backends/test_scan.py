"""Time in chunks side by side: the same outputs, states and gradients as one step after another."""

from __future__ import annotations

import pytest
import torch

from elman import backends, cells
from elman.backends import recurrence, scan
from elman.backends.choose import explain_choice
from elman.cells import Cell, State, sigmoid, tanh
from elman.errors import BackendError


class Layers(Cell):
    """A state whose decay depends on another one before and after the step, an output, and a delay."""

    states = (State("y"), State("h"), State("m"), State("old", "I"))

    def step(self, x, y, h, m, old):
        new = sigmoid(self.project(x, "f")) * m + self.project(old, "n")
        h = sigmoid(self.project(m, "g")) * h / (1 + new * new) - new
        return self.project(tanh(h), "o"), h, new, x


CASES = {
    **{
        f"{name} {options}": cells.create(name, **options)
        for name in cells.names()
        for options in cells.variants(name)
        if not scan.obstacle(cells.create(name, **options).program())
    },
    "layers": Layers(),
}
SIZES = {"I": 3, "H": 4, "P": 2}


@pytest.mark.parametrize(
    ("steps", "lengths", "reverse"),
    [
        (1, None, False),
        (16, None, False),
        (19, None, True),
        (17, [17, 0, 6, 1], False),
        (17, [17, 0, 6, 1], True),
        (0, None, False),
    ],
)
@pytest.mark.parametrize("cell", CASES.values(), ids=CASES)
def test_the_same_as_step_by_step(cell, steps, lengths, reverse, monkeypatch):
    monkeypatch.setattr(scan, "FEW_STEPS", 1)
    program = cell.program()
    torch.manual_seed(1)
    double = {"dtype": torch.float64, "requires_grad": True}
    parameters = {p.name: torch.randn(p.shape(SIZES), **double) for p in program.parameters}
    x = torch.randn(steps, 4, SIZES["I"], **double)
    states = [torch.randn(4, SIZES[s.width], **double) for s in program.states]
    ends = None if lengths is None else torch.tensor(lengths)
    results = []
    for backend in ("scan", "reference"):
        sequences, finals = recurrence(
            program, x, parameters, states, lengths=ends, reverse=reverse, backend=backend, all_states=True
        )
        torch.manual_seed(2)
        loss = sum((r * torch.randn(r.shape, dtype=r.dtype)).sum() for r in (*sequences, *finals))
        inputs = [x, *parameters.values(), *states]
        gradients = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
        results.append([*sequences, *finals, *gradients])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_gradients_of_gradients(monkeypatch):
    monkeypatch.setattr(scan, "FEW_STEPS", 1)
    program = cells.create("lru").program()
    torch.manual_seed(3)
    double = {"dtype": torch.float64, "requires_grad": True}
    sizes = {"I": 2, "H": 2, "P": 2}
    named = {p.name: torch.rand(p.shape(sizes), **double) for p in program.parameters}
    x = torch.randn(5, 2, 2, **double)

    def run(x, *values):
        given = dict(zip(named, values, strict=True))
        (output,), finals = recurrence(
            program, x, given, [None] * 3, lengths=torch.tensor([5, 3]), backend="scan"
        )
        return output, *finals

    assert torch.autograd.gradcheck(run, (x, *named.values()))
    assert torch.autograd.gradgradcheck(run, (x, *named.values()), fast_mode=True)


def test_few_steps_stay_whole():
    assert scan.chunks_of(scan.FEW_STEPS - 1) == 1
    assert scan.chunks_of(1000) == 31


def test_auto_scans_where_a_loop_of_operators_would_run():
    program, cpu = cells.create("mingru").program(), torch.device("cpu")
    assert backends.choose(program, cpu, torch.float32) == "engine"
    assert backends.choose(program, cpu, torch.float16) == "scan"
    assert backends.choose(program, cpu, torch.float16, beyond=["resets"]) == "reference"
    assert backends.choose(cells.GRU().program(), cpu, torch.float16) == "reference"
    reason = explain_choice(program, cpu, torch.float16, "auto").reason
    assert "Its states enter linearly and elementwise, so chunks of time run side by side" in reason


def test_a_cell_that_is_not_linear_says_which_state():
    program = cells.LSTM().program()
    parameters = {p.name: torch.zeros(p.shape(SIZES)) for p in program.parameters}
    with pytest.raises(BackendError) as error:
        recurrence(program, torch.zeros(5, 1, 3), parameters, [None, None], backend="scan")
    assert str(error.value) == (
        "backend: 'scan' cannot run LSTM here: state h, c of LSTM does not enter linearly and elementwise. "
        'Use backend="auto" or backend="reference".'
    )
