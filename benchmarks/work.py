"""The work that is timed and checked: one layer on one input, forward alone or forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.cases import KINDS, Case, Shape

SEED = 7


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
    generator = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    theirs = KINDS[kind].theirs(shape.input, shape.hidden)
    oracle = KINDS[kind].theirs(shape.input, shape.hidden, dtype=torch.float64)
    ours = KINDS[kind].ours(shape.input, shape.hidden)
    for layer in (oracle, ours):
        layer.load_state_dict(theirs.state_dict())
    return Setup(
        ours=ours,
        theirs=theirs,
        oracle=oracle,
        input=torch.randn(shape.time, shape.batch, shape.input, generator=generator),
        upstream=torch.randn(shape.time, shape.batch, shape.hidden, generator=generator),
    )


def results(layer: torch.nn.Module, setup: Setup) -> dict[str, Tensor]:
    """Everything that a layer computes: output, last states, and the gradients of input and parameters.

    The states are weighed into the loss, so that their gradients are part of what is compared.
    """
    dtype = next(layer.parameters()).dtype
    x = setup.input.detach().to(dtype, copy=True).requires_grad_()
    layer.zero_grad(set_to_none=True)
    output, state = layer(x)
    states = state if isinstance(state, tuple) else (state,)
    loss = (output * setup.upstream.to(dtype)).sum()
    for number, value in enumerate(states):
        loss = loss + (number + 0.5) * value.sum()
    loss.backward()
    found = {"output": output.detach(), "gradient of input": gradient(x)}
    found |= {f"state {number}": value.detach() for number, value in enumerate(states)}
    found |= {f"gradient of {name}": gradient(value) for name, value in layer.named_parameters()}
    with torch.inference_mode():
        found["output in inference"] = layer(setup.input.to(dtype))[0]
    return found


def gradient(value: Tensor) -> Tensor:
    assert value.grad is not None
    return value.grad


def timed(layer: torch.nn.Module, case: Case, setup: Setup) -> Callable[[], None]:
    """One call of the returned function does the work of the case once.

    Training is forward and backward, with the gradients of all parameters and of the input, as inside a
    network; there is no loss and no optimiser in it.
    """
    if case.mode == "inference":
        layer.eval()

        def infer() -> None:
            with torch.inference_mode():
                layer(setup.input)

        return infer

    layer.train()
    x = setup.input.clone().requires_grad_()
    wanted = [x, *layer.parameters()]

    def train() -> None:
        output, _ = layer(x)
        torch.autograd.grad(output, wanted, setup.upstream)

    return train
