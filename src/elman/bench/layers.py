"""RNN, GRU and LSTM beside those of `torch.nn`: what is timed, and whether it is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import torch
from torch import Tensor

from elman import nn
from elman.bench.agreement import disagreement
from elman.bench.record import Figure, Row, measure
from elman.bench.shapes import Shape
from elman.bench.timing import Effort, MatrixRate

SEED = 7
Mode = Literal["inference", "training"]
MODES: tuple[Mode, ...] = ("inference", "training")


@dataclass(frozen=True)
class Kind:
    """One layer in both libraries. `gates` counts the blocks of H rows in its weight matrices."""

    gates: int
    ours: Callable[..., torch.nn.Module]
    theirs: Callable[..., torch.nn.Module]


KINDS = {
    "RNN": Kind(1, nn.RNN, torch.nn.RNN),
    "GRU": Kind(3, nn.GRU, torch.nn.GRU),
    "LSTM": Kind(4, nn.LSTM, torch.nn.LSTM),
}


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    kind: str
    shape: Shape
    mode: Mode

    def __str__(self) -> str:
        return f"{self.kind} {self.shape} {self.mode}"

    def flops(self) -> int:
        """Operations of the matrix products, an addition and a multiplication counting one each.

        Forward, every step and sequence takes 2 * G * H * (I + H). Training adds as many for the gradients of
        input and state, and again as many for those of the weights. Pointwise work is left out.
        """
        s = self.shape
        forward = 2 * s.batch * s.time * KINDS[self.kind].gates * s.hidden * (s.input + s.hidden)
        return forward * (3 if self.mode == "training" else 1)


def cases(shapes: Sequence[Shape], kinds: Sequence[str], modes: Sequence[Mode]) -> list[Case]:
    """Every shape of a kind, then the next kind."""
    return [Case(kind, shape, mode) for kind in kinds for shape in shapes for mode in modes]


@dataclass
class Setup:
    """The same layer in three hands, with the same weights, and what goes in.

    input (T, B, I) and upstream (T, B, H), the gradient that arrives at the output, are float32;
    the oracle is torch.nn's layer in float64.
    """

    ours: torch.nn.Module
    theirs: torch.nn.Module
    oracle: torch.nn.Module
    input: Tensor
    upstream: Tensor


def prepare(kind: str, shape: Shape) -> Setup:
    """Layers and random input for a case, the same at every call."""
    torch.manual_seed(SEED)
    theirs = KINDS[kind].theirs(shape.input, shape.hidden)
    oracle = KINDS[kind].theirs(shape.input, shape.hidden, dtype=torch.float64)
    ours = KINDS[kind].ours(shape.input, shape.hidden)
    for layer in (oracle, ours):
        layer.load_state_dict(theirs.state_dict())
    return Setup(ours, theirs, oracle, *given(shape))


def given(shape: Shape) -> tuple[Tensor, Tensor]:
    """Random input (T, B, I) and upstream gradient (T, B, H), the same at every call."""
    generator = torch.Generator().manual_seed(SEED)
    input = torch.randn(shape.time, shape.batch, shape.input, generator=generator)
    return input, torch.randn(shape.time, shape.batch, shape.hidden, generator=generator)


def results(layer: torch.nn.Module, input: Tensor, upstream: Tensor) -> dict[str, Tensor]:
    """Everything that a layer computes: output, last states, and the gradients of input and parameters.

    The states are weighed into the loss, so that their gradients are part of what is compared.
    """
    dtype = next(layer.parameters()).dtype
    x = input.detach().to(dtype, copy=True).requires_grad_()
    layer.zero_grad(set_to_none=True)
    output, state = layer(x)
    states = state if isinstance(state, tuple) else (state,)
    loss = (output * upstream.to(output.dtype)).sum()
    for number, value in enumerate(states):
        loss = loss + (number + 0.5) * value.sum()
    loss.backward()
    found = {"output": output.detach(), "gradient of input": gradient(x)}
    found |= {f"state {number}": value.detach() for number, value in enumerate(states)}
    found |= {f"gradient of {name}": gradient(value) for name, value in layer.named_parameters()}
    return found


def both_modes(layer: torch.nn.Module, setup: Setup) -> dict[str, Tensor]:
    """`results`, and the output without gradients."""
    found = results(layer, setup.input, setup.upstream)
    with torch.inference_mode():
        found["output in inference"] = layer(setup.input.to(next(layer.parameters()).dtype))[0]
    return found


def gradient(value: Tensor) -> Tensor:
    assert value.grad is not None
    return value.grad


def timed(layer: torch.nn.Module, mode: Mode, input: Tensor, upstream: Tensor) -> Callable[[], None]:
    """One call of the returned function does the work of the mode once.

    Training is forward and backward, with the gradients of all parameters and of the input, as inside a
    network; there is no loss and no optimiser in it.
    """
    if mode == "inference":
        layer.eval()

        def infer() -> None:
            with torch.inference_mode():
                layer(input)

        return infer

    layer.train()
    x = input.clone().requires_grad_()
    wanted = [x, *layer.parameters()]

    def train() -> None:
        output, _ = layer(x)
        torch.autograd.grad(output, wanted, upstream.to(output.dtype))

    return train


def row(case: Case, setup: Setup, effort: Effort, mm: MatrixRate) -> Row:
    """Times elman's layer and torch.nn's."""
    layers = {"torch": setup.theirs, "elman": setup.ours}
    works = {name: timed(layer, case.mode, setup.input, setup.upstream) for name, layer in layers.items()}
    found = measure(works, effort, mm)
    times = found.times()
    rate = case.flops() / times["elman"].median / 1e9
    return Row(
        case.kind,
        case.mode,
        case.shape,
        rounds=found.rounds,
        mm_gflops_per_second=found.mm,
        times=times,
        figures={
            "ratio": Figure(found.ratio("torch", "elman"), least=1.0),
            "GF/s": Figure(rate, "GF/s"),
            "of mm": Figure(rate / found.mm, "share"),
        },
    )


def rows(
    cases: Sequence[Case],
    effort: Effort,
    mm: MatrixRate,
    starting: Callable[[str], None] = lambda case: None,
    prepare: Callable[..., Setup] = prepare,
) -> Iterator[Row]:
    """One row a case, in order; `starting` is called before each. A layer that is wrong has no times."""
    for (kind, shape), group in groupby(cases, key=lambda case: (case.kind, case.shape)):
        setup, wrong = None, ""
        for case in group:
            starting(str(case))
            if setup is None:
                setup = prepare(kind, shape)
                wrong = disagreement(both_modes(setup.ours, setup), both_modes(setup.oracle, setup))
            yield Row(kind, case.mode, shape, wrong=wrong) if wrong else row(case, setup, effort, mm)
