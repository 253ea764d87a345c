"""Plans, run by the slow interpreter, give the reference's outputs, states and gradients."""

from __future__ import annotations

import pytest
import torch

from elman import cells
from elman.backends import engine, native, recurrence
from elman.cells import Cell, State, layer_norm, sigmoid, tanh
from oracles import plans as interpreter
from oracles.states import reached

SIZES = {"I": 6, "H": 4, "P": 2}


class Highway(Cell):
    """Values of width I that must be stored, a state that is never read, constants, and a state handed on."""

    states = (State("y"), State("h"), State("unread"))

    def step(self, x, y, h, unread):
        g = sigmoid(self.project(x * tanh(x), "ih") + self.project(h, "hh"))
        new = g * h + (1 - g) * self.vector("v")
        return self.project(new * g, "o", bias=False), new, h


class Taps(Cell):
    """States of width I: the two inputs before this one."""

    states = (State("h"), State("x1", "I"), State("x2", "I"))

    def step(self, x, h, x1, x2):
        a = self.project(x, "ih") + self.project(x1, "a", bias=False) + self.project(x2, "b", bias=False)
        return tanh(a + self.project(h, "hh")), x, x1


class Heads(Cell):
    """Block-diagonal weights on x, on the state, on a changed state and into another width."""

    states = (State("y", "P"), State("h"))

    def step(self, x, y, h):
        i, f = self.project(x, "ih", gates=2, heads=2)
        a, b, c = self.project(h, "hh", gates=3, heads=2)
        new = sigmoid(f + b) * h + tanh(i + a + self.project(c * h, "ch", heads=4))
        late = self.project(x, "late", gates=2, heads=2, only=1, width="P")
        return self.project(new, "hy", width="P", heads=2, bias=False) + late, new


class Normal(Cell):
    """Layer norm over several gates, of x and the state, and over one value of another width."""

    states = (State("y", "P"), State("h"))

    def step(self, x, y, h):
        a = layer_norm(*self.project(x, "ih", gates=2), scale=self.vector("g", 2), shift=self.vector("b", 2))
        i, f = self.project(h, "hh", gates=2)
        new = layer_norm(f + i, eps=0.1) * h + tanh(a[0] + f * a[1])
        y = self.project(new * h, "hy", width="P")
        return layer_norm(y, scale=self.vector("n", width="P"), eps=0.1), new


CASES = [
    *[
        (f"{name}-{options}", cells.create(name, **options))
        for name in cells.names()
        for options in cells.variants(name)
    ],
    ("highway", Highway()),
    ("taps", Taps()),
    ("normal", Normal()),
    ("heads", Heads()),
]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(
    ("lengths", "resets"),
    [(None, None), ([5, 0, 2], None), ([5, 0, 2], True)],
    ids=["full", "ragged", "reset"],
)
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("cell", [c for _, c in CASES], ids=[n for n, _ in CASES])
def test_plans_match_the_reference(cell, reverse, lengths, resets, bias, monkeypatch):
    monkeypatch.setattr(native, "run", interpreter.run)
    monkeypatch.setattr(engine, "obstacle", lambda *_: "")
    monkeypatch.setattr(engine, "describe", lambda: "interpreted")
    program = cell.program(bias)
    torch.manual_seed(1)
    double = {"dtype": torch.float64, "requires_grad": True}
    parameters = {p.name: torch.randn(p.shape(SIZES), **double) for p in program.parameters}
    x = torch.randn(5, 3, SIZES["I"], **double)
    states = reached(program, parameters, 3, SIZES["I"])
    inputs = [x, *parameters.values(), *states]
    resets = None if resets is None else torch.rand(5, 3) > 0.5
    ends = None if lengths is None else torch.tensor(lengths)
    results = {}
    for backend in ("engine", "reference"):
        (output,), finals = recurrence(
            program, x, parameters, states, lengths=ends, resets=resets, reverse=reverse, backend=backend
        )
        torch.manual_seed(2)
        loss = sum((r * torch.randn(r.shape, dtype=r.dtype)).sum() for r in (output, *finals))
        gradients = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
        results[backend] = [output, *finals, *gradients]
    for found, expected in zip(results["engine"], results["reference"], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
