"""RNNCell, GRUCell and LSTMCell against torch.nn's, and against the layers."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacrev, jvp, vmap

import elman.nn

IN, H, B = 3, 7, 4
KINDS = [
    ("RNNCell", {}),
    ("RNNCell", {"nonlinearity": "relu"}),
    ("GRUCell", {}),
    ("LSTMCell", {}),
]


def pair(name: str, **options: Any) -> tuple[Any, Any]:
    """Our cell and torch's, each built after the same seed."""
    made = []
    for place in (elman.nn, torch.nn):
        torch.manual_seed(6)
        made.append(getattr(place, name)(IN, H, **options))
    return made[0], made[1]


def states(name: str, *batch: int) -> Any:
    drawn = tuple(
        torch.randn(*batch, H, dtype=torch.float64, requires_grad=True)
        for _ in range(1 + (name == "LSTMCell"))
    )
    return drawn if len(drawn) > 1 else drawn[0]


def as_tuple(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("name", "options"), KINDS)
def test_is_torchs(name: str, options: dict, bias: bool) -> None:
    ours, theirs = pair(name, bias=bias, **options)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    assert all(getattr(ours, a) == getattr(theirs, a) for a in theirs.__constants__)
    assert (ours.bias_ih is None) == (theirs.bias_ih is None) == (not bias)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(B,), (), (0,)], ids=["batch", "single", "empty"])
@pytest.mark.parametrize(("name", "options"), KINDS)
def test_step_and_gradients_agree(name: str, options: dict, batch: tuple, bias: bool, given: bool) -> None:
    ours, theirs = pair(name, bias=bias, dtype=torch.float64, **options)
    x = torch.randn(*batch, IN, dtype=torch.float64, requires_grad=True)
    hx = states(name, *batch) if given else None
    results = []
    for cell in (ours, theirs):
        final = as_tuple(cell(x, hx))
        loss = sum((n + 1) * (state * torch.arange(H)).sum() for n, state in enumerate(final))
        leaves = [x, *cell.parameters(), *(as_tuple(hx) if given else ())]
        results.append([*final, *torch.autograd.grad(loss, leaves)])
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("cell", "layer"),
    [
        (elman.nn.RNNCell(IN, H, nonlinearity="elu"), elman.nn.RNN(IN, H, nonlinearity="elu")),
        (elman.nn.GRUCell(IN, H, reset_after=False), elman.nn.GRU(IN, H, reset_after=False)),
        (elman.nn.LSTMCell(IN, H, peepholes=True), elman.nn.LSTM(IN, H, peepholes=True)),
    ],
    ids=["rnn", "gru", "lstm"],
)
def test_steps_of_a_cell_are_the_layer(cell: Any, layer: Any) -> None:
    layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    x = torch.randn(5, B, IN)
    state, outputs = None, []
    for step in x:
        state = cell(step, state)
        outputs.append(as_tuple(state)[0])
    output, final = layer(x)
    torch.testing.assert_close(torch.stack(outputs), output, atol=2e-6, rtol=0)
    for mine, other in zip(as_tuple(state), as_tuple(final), strict=True):
        torch.testing.assert_close(mine, other[0], atol=2e-6, rtol=0)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda cell: pickle.loads(pickle.dumps(cell))])
def test_copies_give_the_same_numbers(way: Any) -> None:
    cell, x = elman.nn.LSTMCell(IN, H, peepholes=True), torch.randn(B, IN)
    torch.testing.assert_close(way(cell)(x), cell(x), atol=0, rtol=0)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own, at the first jvp
@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(("name", "options"), [*KINDS, ("GRUCell", {"reset_after": False})])
def test_transforms_of_torch_func(name: str, options: dict, given: bool) -> None:
    """Gradients of each sample beside plain autograd, one sample at a time; a jacobian beside its columns."""
    cell = getattr(elman.nn, name)(IN, H, dtype=torch.float64, **options)
    x = torch.randn(5, B, IN, dtype=torch.float64)
    hx = tuple(s.detach() for s in as_tuple(states(name, 5, B)))

    def step(parameters: Any, x: Tensor, *hx: Tensor) -> Tensor:
        state = functional_call(cell, parameters, (x, hx if len(hx) > 1 else hx[0]) if given else (x,))
        return torch.stack(as_tuple(state))

    def loss(parameters: Any, x: Tensor, *hx: Tensor) -> Tensor:
        return (step(parameters, x, *hx) ** 3).sum()

    own = dict(cell.named_parameters())
    frozen = {n: p.detach() for n, p in own.items()}
    together = vmap(grad(loss), in_dims=(None, 0, *[0] * len(hx)))(frozen, x, *hx)
    for sample in range(5):
        rows = (x[sample], *(s[sample] for s in hx))
        alone = torch.autograd.grad(loss(own, *rows), list(own.values()))
        for parameter, expected in zip(own, alone, strict=True):
            torch.testing.assert_close(together[parameter][sample], expected, atol=1e-10, rtol=0)
    with torch.no_grad():
        stepped = vmap(step, in_dims=(None, 0, *[0] * len(hx)))(frozen, x, *hx)
        torch.testing.assert_close(stepped[2], step(own, x[2], *(s[2] for s in hx)), atol=1e-12, rtol=0)
    one = tuple(s[0] for s in hx)
    jacobian = jacrev(lambda x: step(frozen, x, *one))(x[0])
    _, tangent = jvp(lambda x: step(frozen, x, *one), (x[0],), (x[1],))
    torch.testing.assert_close((jacobian * x[1]).sum((-2, -1)), tangent, atol=1e-10, rtol=0)
