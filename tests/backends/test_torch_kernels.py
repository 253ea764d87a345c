"""torch's own kernels as a reader: named on the CPU, where they are held against the reference; on CUDA by
"auto". What they lack is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

import elman
from elman import cells, nn
from elman.backends import choose, recurrence
from elman.backends.choose import explain_choice
from elman.errors import BackendError

IN, H, T, B = 3, 5, 6, 4
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "bias": False}),
    ("GRU", {"bias": False}),
    ("GRU", {}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 2}),
    ("LSTM", {"proj_size": 2, "bias": False}),
]


def flat(result: tuple[Tensor, Any]) -> list[Tensor]:
    output, states = result
    return [output, *(states if isinstance(states, tuple) else (states,))]


@pytest.mark.parametrize("lengths", [None, [T, 0, 2, 5], [0, 0, 0, 0]], ids=["full", "ragged", "empty"])
@pytest.mark.parametrize(("name", "options"), LAYERS)
def test_agrees_with_the_reference_to_the_second_order(name: str, options: dict, lengths: Any) -> None:
    layer = getattr(nn, name)(
        IN,
        H,
        2,
        bidirectional=True,
        dtype=torch.float64,
        backend="torch",
        learn_initial_state=True,
        **options,
    )
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.5)
    oracle = copy.deepcopy(layer)
    oracle.backend = "reference"
    x = torch.randn(T, B, IN, dtype=torch.float64, requires_grad=True)
    found: list[list[Tensor]] = []
    for subject in (layer, oracle):
        values = flat(subject(x, lengths=lengths))
        leaves = [x, *subject.parameters()]
        torch.manual_seed(4)
        loss = torch.stack([(v * torch.randn_like(v)).sum() for v in values]).sum()
        plain = torch.autograd.grad(loss, leaves, retain_graph=True, materialize_grads=True)
        twice = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
        penalty = torch.stack([g.square().sum() for g in twice]).sum()
        second = torch.autograd.grad(penalty, leaves, materialize_grads=True)
        found.append([*values, *plain, *twice, *second])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-9, rtol=1e-7)


def test_states_made_by_the_same_layer_are_differentiated_once() -> None:
    """The second order where a layer's own output is its next initial state."""
    found = []
    torch.manual_seed(6)
    x = torch.randn(2, 2, B, IN, dtype=torch.float64)
    layer = nn.GRU(IN, H, dtype=torch.float64)
    for backend in ("torch", "reference"):
        layer.backend = backend
        _, state = layer(x[0])
        output, _ = layer(x[1], state)
        first = torch.autograd.grad(output.square().sum(), list(layer.parameters()), create_graph=True)
        penalty = torch.stack([g.square().sum() for g in first]).sum()
        found.append([*first, *torch.autograd.grad(penalty, list(layer.parameters()))])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("reverse", [False, True])
def test_padding_may_hold_anything(reverse: bool) -> None:
    program = cells.GRU().program()
    parameters = {
        p.name: torch.randn(p.shape({"I": IN, "H": H})).requires_grad_() for p in program.parameters
    }
    x, lengths = torch.randn(T, B, IN), torch.tensor([T, 0, 2, 5])
    x[torch.arange(T).unsqueeze(1) >= lengths] = float("nan")
    (output,), (final,) = recurrence(
        program, x, parameters, [None], lengths=lengths, reverse=reverse, backend="torch"
    )
    gradients = torch.autograd.grad(output.sum() + final.sum(), list(parameters.values()))
    assert all(t.isfinite().all() for t in (output, final, *gradients))


def test_nothing_to_walk() -> None:
    layer = nn.LSTM(IN, H, backend="torch")
    for shape in ((0, B, IN), (T, 0, IN)):
        output, (h, _) = layer(torch.randn(shape))
        assert output.shape == (*shape[:2], H)
        assert h.shape == (1, shape[1], H)


def test_auto_takes_it_on_cuda_alone() -> None:
    for cell in (cells.RNN("relu"), cells.GRU(), cells.LSTM(projection=True), cells.LSTM(forget_bias=1.0)):
        assert choose(cell.program(), CUDA, torch.float32) == "torch"
        assert choose(cell.program(), CPU, torch.float64) != "torch"
    choice = explain_choice(cells.GRU().program(), CUDA, torch.float32, "auto")
    assert str(choice) == "torch: torch's own kernels, which on CUDA are cuDNN's"
    choice = explain_choice(cells.GRU(reset_after=False).program(), CUDA, torch.float32, "auto")
    assert str(choice) == (
        "reference: torch has no kernel for GRU with these options. On CUDA all else runs as a loop of torch "
        "operators, until there is a reader for the GPU."
    )


def test_explain_knows_the_masks_of_a_layer() -> None:
    layer = nn.LSTM(IN, H, recurrent_dropout=0.1, backend="torch")
    with pytest.raises(BackendError, match="read no masks"):
        elman.explain(layer)
    assert elman.explain(layer.eval()).reader == "torch"


def test_several_things_it_lacks_are_listed() -> None:
    program, beyond = cells.LSTM().program(), ("resets", "sequences of all states")
    assert choose(program, CUDA, torch.float32, "auto", beyond) == "reference"
    with pytest.raises(BackendError, match="have no resets and no sequences of all states"):
        choose(program, CUDA, torch.float32, "torch", beyond)


REFUSED = 'backend: \'torch\' cannot run LSTM here: {} Use backend="auto" or backend="reference".'


@pytest.mark.parametrize(
    ("options", "call", "reason"),
    [
        ({"peepholes": True}, {}, "torch has no kernel for LSTM with these options."),
        (
            {"recurrent_dropout": 0.1},
            {},
            "torch's kernels read no masks, which recurrent dropout and zoneout need.",
        ),
        (
            {"memory": "low"},
            {"all_states": True, "resets": torch.zeros(T, B).bool()},
            'torch\'s kernels have no resets and no sequences of all states and no memory="low".',
        ),
    ],
)
def test_what_it_lacks_is_refused(options: dict, call: dict, reason: str) -> None:
    layer = nn.LSTM(IN, H, backend="torch", **options)
    with pytest.raises(BackendError) as caught:
        layer(torch.randn(T, B, IN), **call)
    assert str(caught.value) == REFUSED.format(reason)


def test_torch_func_and_compile_are_refused() -> None:
    layer = nn.LSTM(IN, H, backend="torch")
    x = torch.randn(T, B, IN)
    with pytest.raises(BackendError, match=r"torch\.func does not reach into torch's kernels"):
        torch.func.vmap(lambda one: layer(one)[0])(x.unsqueeze(0))
    torch._dynamo.reset()
    with pytest.raises(Exception, match=r"torch\.compile does not trace torch"):
        torch.compile(layer, fullgraph=True, backend="aot_eager")(x)


def test_dropout_between_layers_and_evaluation_need_no_mask() -> None:
    layer = nn.GRU(IN, H, 2, dropout=0.3, input_dropout=0.2, weight_drop=0.1, backend="torch")
    x = torch.randn(T, B, IN)
    assert not torch.allclose(layer(x)[0], layer(x)[0])
    layer(x)[0].sum().backward()
    layer.eval()(x)[0].sum().backward()
    assert elman.explain(layer).reader == "torch"


def test_recurrence_says_which_states() -> None:
    """One state's sequence is the output: all_states asks for nothing more."""
    program = cells.GRU().program()
    parameters = {p.name: torch.randn(p.shape({"I": IN, "H": H})) for p in program.parameters}
    x = torch.randn(T, B, IN)
    (output,), _ = recurrence(program, x, parameters, [None], backend="torch", all_states=True)
    (expected,), _ = recurrence(program, x, parameters, [None], backend="reference")
    torch.testing.assert_close(output, expected, atol=1e-6, rtol=1e-5)
