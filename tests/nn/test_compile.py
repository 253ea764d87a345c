"""A model around a layer compiles into one graph, and gives the same numbers and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

import elman.nn


class Model(nn.Module):
    def __init__(self, backend: str) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.layer = elman.nn.LSTM(6, 5, 2, batch_first=True, bidirectional=True, backend=backend)
        self.head = nn.Linear(10, 3)

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
        output, (h, _) = self.layer(self.embed(tokens), lengths=lengths)
        return self.head(output.mean(1)) + self.head(h[-2:].transpose(0, 1).flatten(1))


def check(model: Model, compiled: Any, steps: int, ragged: bool) -> None:
    tokens = torch.randint(11, (4, steps))
    lengths = torch.randint(steps + 1, (4,)) if ragged else None
    results = []
    for run in (model, compiled):
        loss = run(tokens, lengths).square().sum()
        results.append([loss, *torch.autograd.grad(loss, list(model.parameters()))])
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("ragged", [False, True], ids=["plain", "ragged"])
def test_one_graph(ragged: bool, backend: str) -> None:
    torch._dynamo.reset()
    model = Model(backend)
    check(model, torch.compile(model, fullgraph=True, backend="aot_eager"), 2, ragged)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # inductor's own import
def test_one_graph_through_inductor() -> None:
    torch._dynamo.reset()
    model = Model("auto")
    check(model, torch.compile(model, fullgraph=True), 3, False)


@pytest.mark.parametrize("memory", ["fast", "low"])
def test_all_options_and_other_numbers_of_steps(memory: str) -> None:
    """Resets, lengths, masks and all states in one graph, and one more for any other number of steps."""
    torch._dynamo.reset()
    layer = elman.nn.LSTM(3, 4, bidirectional=True, zoneout=0.2, backend="engine", memory=memory).eval()
    graphs = CompileCounterWithBackend("aot_eager")

    def run(x: Tensor, lengths: Tensor, resets: Tensor) -> Tensor:
        sequences, (h, c) = layer(x, lengths=lengths, resets=resets, all_states=True)
        return torch.stack([s.square().sum() for s in sequences]).sum() + (h * c).sum()

    compiled = torch.compile(run, fullgraph=True, backend=graphs)
    for steps in (5, 7, 9, 12):
        x = torch.randn(steps, 3, 3, requires_grad=True)
        given = x, torch.randint(steps + 1, (3,)), torch.rand(steps, 3) > 0.6
        leaves = [x, *layer.parameters()]
        results = [torch.autograd.grad(f(*given), leaves) for f in (run, compiled)]
        for plain, other in zip(*results, strict=True):
            torch.testing.assert_close(plain, other, atol=1e-6, rtol=1e-6)
    assert graphs.frame_count == 2


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.filterwarnings("ignore:torch.autocast. .* runs in float32")  # where a machine lacks bfloat16
def test_a_one_step_cell_is_one_graph(name: str, autocast: bool) -> None:
    torch._dynamo.reset()
    cell, x = getattr(elman.nn, name)(3, 4), torch.randn(2, 3)

    def run(x: Tensor) -> Any:
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return cell(x)

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), run(x), atol=1e-6, rtol=0)


@pytest.mark.filterwarnings("ignore:torch.autocast. .* runs in float32")  # where a machine lacks bfloat16
@pytest.mark.parametrize("all_states", [False, True])
def test_a_layer_under_autocast_is_one_graph(all_states: bool) -> None:
    torch._dynamo.reset()
    layer, x = elman.nn.GRU(3, 7), torch.randn(5, 2, 3)

    def run(x: Tensor) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            outputs, state = layer(x, all_states=all_states)
        return outputs, state

    outputs, state = torch.compile(run, fullgraph=True, backend="aot_eager")(x)
    torch.testing.assert_close((outputs, state), run(x), atol=1e-6, rtol=0)
    state.sum().backward()
    assert layer.weight_hh_l0.grad is not None
    assert layer.weight_hh_l0.grad.abs().sum() > 0


def test_tensors_without_numbers_have_shapes() -> None:
    """As tools see a model that measure it before it has memory."""
    with FakeTensorMode():
        layer, x = elman.nn.LSTM(3, 7, 2, bidirectional=True, zoneout=0.1), torch.randn(5, 2, 3)
        output, (h, c) = layer(x)
        output.sum().backward()
        with torch.no_grad():
            again, _ = layer(x)
    assert output.shape == again.shape == (5, 2, 14)
    assert h.shape == c.shape == (4, 2, 7)
    assert isinstance(layer.weight_hh_l0.grad, FakeTensor)
    assert layer.weight_hh_l0.grad.shape == (28, 7)
