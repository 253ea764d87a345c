"""Every registered cell, in every set of options that the registry lists, on every reader.

The reference in float64 is the oracle. It is itself held against finite differences, to the second order; the
engine is held against it in outputs, final states and every gradient, in float32 and in float64. A cell that
is registered is tested: nothing here names one.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from elman import cells
from elman.backends import recurrence
from elman.cells import Cell, State, sigmoid, tanh
from elman.program import Program
from elman.program.graph import instructions
from oracles.states import reached

needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("elman._engine") is None, reason="elman._engine is not built"
)
INPUT = 3
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-10}  # of the largest value of a tensor, or of 1


class Case(NamedTuple):
    """One cell in one set of options."""

    name: str
    options: dict[str, Any]

    def program(self, bias: bool = True) -> Program:
        return cells.create(self.name, **self.options).program(bias=bias)

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{k}={v}" for k, v in self.options.items())])


def cases() -> list[Case]:
    """All that the registry knows now."""
    return [Case(name, dict(options)) for name in cells.names() for options in cells.variants(name)]


class Problem(NamedTuple):
    """What one call of `recurrence` is given; leaves in float64."""

    program: Program
    x: Tensor
    parameters: dict[str, Tensor]
    states: list[Tensor] | None
    lengths: Tensor | None
    reverse: bool
    all_states: bool = False
    resets: Tensor | None = None

    def leaves(self) -> dict[str, Tensor]:
        initial = {f"initial {i}": state for i, state in enumerate(self.states or [])}
        return {"x": self.x, **self.parameters, **initial}

    def run(self, backend: str, dtype: torch.dtype) -> dict[str, Tensor]:
        """Output, finals and the gradient of a random weighting of them, in every leaf."""
        used = {name: leaf.to(dtype).detach().requires_grad_() for name, leaf in self.leaves().items()}
        given = [used[f"initial {i}"] for i in range(len(self.states))] if self.states else None
        sequences, finals = recurrence(
            self.program,
            used["x"],
            {name: used[name] for name in self.parameters},
            given or [None] * len(self.program.states),
            lengths=self.lengths,
            resets=self.resets,
            reverse=self.reverse,
            backend=backend,
            all_states=self.all_states,
        )
        assert len(sequences) == (len(finals) if self.all_states else 1)
        found = {f"sequence {i}": sequence for i, sequence in enumerate(sequences)}
        found |= {f"final {i}": final for i, final in enumerate(finals)}
        generator = torch.Generator().manual_seed(17)
        loss = sum(
            (v * torch.randn(v.shape, generator=generator, dtype=torch.float64).to(dtype)).sum()
            for v in found.values()
        )
        if isinstance(loss, Tensor) and loss.requires_grad:
            gradients = torch.autograd.grad(loss, list(used.values()), allow_unused=True)
            for (name, leaf), gradient in zip(used.items(), gradients, strict=True):
                found[f"gradient of {name}"] = torch.zeros_like(leaf) if gradient is None else gradient
        return found


def problem(
    program: Program,
    hidden: int,
    steps: int,
    batch: int,
    *,
    ragged: bool,
    reverse: bool,
    given: bool,
    all_states: bool = False,
    cut: bool = False,
) -> Problem:
    heads = math.lcm(*(p.heads for p in program.parameters))  # sizes that all of them share evenly
    if any(instruction.op.name == "mean" for instruction in instructions(program.graph)):
        hidden += 2  # layer norm of a single feature divides by no spread at all
    sizes = {"I": heads * INPUT, "H": heads * hidden, "P": heads * ((hidden + 1) // 2)}
    scale = hidden**-0.5

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, requires_grad=True)

    parameters = {
        p.name: (scale * draw(*p.shape(sizes))).detach().requires_grad_() for p in program.parameters
    }
    states = reached(program, parameters, batch, sizes["I"]) if given else None
    lengths = torch.tensor([[steps, 0, (steps + 1) // 2, 1][b % 4] for b in range(batch)]) if ragged else None
    if lengths is not None:
        lengths = lengths.clamp(max=steps).to(torch.int64)
    resets = torch.rand(steps, batch) > 0.6 if cut else None
    x = draw(steps, batch, sizes["I"])
    return Problem(program, x, parameters, states, lengths, reverse, all_states, resets)


def problems(case: Case, hidden: int, steps: int) -> Iterator[Problem]:
    """All ways to walk at one size: direction, ragged or not, states given or not; biases or none, resets
    or none, and the output or every state handed out, in every pair with those; an empty batch too."""
    program = case.program()
    for number in range(8):
        ragged, reverse, given = bool(number & 1), bool(number & 2), bool(number & 4)
        every, bias = ragged ^ reverse ^ given, ragged ^ reverse
        yield problem(
            case.program(bias),
            hidden,
            steps,
            4,
            ragged=ragged,
            reverse=reverse,
            given=given,
            all_states=every,
            cut=reverse ^ given,
        )
    yield problem(program, hidden, steps, 0, ragged=False, reverse=False, given=True)
    yield problem(program, hidden, steps, 1, ragged=False, reverse=True, given=True)


def assert_agrees(given: Problem, backend: str) -> None:
    """The backend, in float32 and the engine in float64 too, against the reference in float64."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a second one only slows torch's operators on tensors this small
    oracle = given.run("reference", torch.float64)
    if backend == "engine":
        torch.set_num_threads(threads)
        assert_close(given.run(backend, torch.float64), oracle, torch.float64)
    found = given.run(backend, torch.float32)
    torch.set_num_threads(threads)
    assert_close(found, oracle, torch.float32)


def assert_close(found: dict[str, Tensor], oracle: dict[str, Tensor], dtype: torch.dtype) -> None:
    """Every tensor has that dtype, and is as near to the oracle's as its rounding allows."""
    assert found.keys() >= oracle.keys()
    for name, value in found.items():
        if name not in oracle:  # nothing to differentiate: no steps, no states
            assert not value.any(), name
            continue
        expected = oracle[name]
        assert value.shape == expected.shape, name
        assert value.dtype == dtype, name
        if value.numel():
            error = (value - expected).abs().max().item()
            allowed = TOLERANCE[dtype] * max(1.0, expected.abs().max().item())
            assert error <= allowed, f"{name}: off by {error:.3g}, allowed {allowed:.3g}"


@needs_engine
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("steps", [0, 1, 5])
@pytest.mark.parametrize("hidden", [1, 7, 63])
@pytest.mark.parametrize("case", cases(), ids=str)
def test_engine_agrees_with_the_reference(case: Case, hidden: int, steps: int) -> None:
    for given in problems(case, hidden, steps):
        assert_agrees(given, "engine")


@needs_engine
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("case", cases(), ids=str)
def test_engine_agrees_on_any_number_of_threads(case: Case, threads: int) -> None:
    torch.set_num_threads(threads)
    for batch in (1, 19):
        assert_agrees(problem(case.program(), 40, 9, batch, ragged=True, reverse=False, given=True), "engine")


@pytest.mark.parametrize("case", cases(), ids=str)
def test_reference_in_float32_agrees_with_itself_in_float64(case: Case) -> None:
    for given in problems(case, 7, 5):
        assert_agrees(given, "reference")


@pytest.mark.parametrize("backend", ["reference", pytest.param("engine", marks=needs_engine)])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("case", cases(), ids=str)
def test_gradients_agree_with_finite_differences(case: Case, reverse: bool, backend: str) -> None:
    torch.set_num_threads(1)
    given = problem(case.program(), 2, 3, 2, ragged=False, reverse=reverse, given=True)
    given = given._replace(lengths=torch.tensor([2, 3]))
    leaves = given.leaves()
    states = len(given.program.states)

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        named = dict(zip(leaves, values, strict=True))
        sequences, finals = recurrence(
            given.program,
            named["x"],
            {name: named[name] for name in given.parameters},
            [named[f"initial {i}"] for i in range(states)],
            lengths=given.lengths,
            resets=torch.tensor([[False, True], [True, False], [False, True]]),
            reverse=reverse,
            backend=backend,
            all_states=True,
        )
        return *sequences, *finals

    assert torch.autograd.gradcheck(run, tuple(leaves.values()))
    assert torch.autograd.gradgradcheck(run, tuple(leaves.values()), fast_mode=True)


class Novelty(Cell):
    """A cell that the library does not know: two states, one product after another, one block-diagonal."""

    states = (State("h"), State("m"))

    def step(self, x: Any, h: Any, m: Any) -> tuple[Any, Any]:
        m = self.vector("decay") * m + self.project(x, "x") + self.project(h, "h", bias=False, heads=2)
        return tanh(self.project(sigmoid(m) * h, "o")) + m, m


@needs_engine
@pytest.mark.usefixtures("poisoned")
def test_a_new_cell_is_picked_up() -> None:
    before = cases()
    cells.register("novelty", Novelty)
    try:
        new = [case for case in cases() if case not in before]
        assert [str(case) for case in new] == ["novelty"]
        test_engine_agrees_with_the_reference(new[0], 7, 5)
        test_gradients_agree_with_finite_differences(new[0], False, "reference")
    finally:
        cells.unregister("novelty")
    assert cases() == before


@needs_engine
def test_a_wrong_gradient_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself can fail: an error of one part in a thousand in one gradient does not pass."""
    given = problem(cells.create("gru").program(), 7, 5, 4, ragged=True, reverse=False, given=True)
    honest = Problem.run

    def dishonest(self: Problem, backend: str, dtype: torch.dtype) -> dict[str, Tensor]:
        found = honest(self, backend, dtype)
        if backend == "engine":
            found["gradient of weight_hh"] = found["gradient of weight_hh"] * 1.001
        return found

    assert_agrees(given, "engine")
    monkeypatch.setattr(Problem, "run", dishonest)
    with pytest.raises(AssertionError, match="gradient of weight_hh: off by"):
        assert_agrees(given, "engine")


@pytest.mark.usefixtures("poisoned")
def test_poison_is_in_all_fresh_memory() -> None:
    tensor = torch.ones(3)
    fresh = [torch.empty(3), torch.empty_like(tensor), tensor.new_empty(3), torch.empty_strided((3,), (1,))]
    assert all(t.isnan().all() for t in fresh)
