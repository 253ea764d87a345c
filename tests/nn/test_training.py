"""Layers in training: several processes, checkpointing, parametrizations, torch.compile, torch.func."""

from __future__ import annotations

import copy
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.parametrizations import orthogonal, weight_norm
from torch.utils.checkpoint import checkpoint

import elman.nn

IN, H, T, B = 3, 7, 6, 4
LENGTHS = torch.tensor([T, 0, 2, 5])


def network(backend: str = "auto", **options: Any) -> elman.nn.LSTM:
    torch.manual_seed(12)
    given: dict[str, Any] = {"peepholes": True, "learn_initial_state": True, "bidirectional": True, **options}
    return elman.nn.LSTM(IN, H, 2, backend=backend, **given)


def gradients(layer: Any, loss: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(loss, list(layer.parameters())))


def _process(rank: int, port: int, folder: str) -> None:
    """One of two processes: half of the batch each; the first leaves the averaged gradients."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    layer = DistributedDataParallel(network())
    x, lengths = torch.load(Path(folder) / "batch.pt")
    half = slice(2 * rank, 2 * rank + 2)
    output, _ = layer(x[:, half], lengths=lengths[half])
    output.square().sum().backward()
    if rank == 0:
        torch.save([p.grad for p in layer.parameters()], Path(folder) / "gradients.pt")
    dist.barrier()
    # Not by the interpreter's own end: there torch frees the reducer under the GIL and waits for gloo's
    # thread, which may be waiting for the GIL to free what the last reduction had kept.
    os._exit(0)


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    x = torch.randn(T, B, IN)
    torch.save((x, LENGTHS), tmp_path / "batch.pt")
    torch.multiprocessing.spawn(_process, (port, str(tmp_path)), nprocs=2)
    layer = network()
    expected = gradients(
        layer, layer(x, lengths=LENGTHS)[0].square().sum() / 2
    )  # DDP averages over processes
    found = torch.load(tmp_path / "gradients.pt")
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_gives_the_same_gradients_and_draws(reentrant: bool, backend: str) -> None:
    layer = network(
        backend, zoneout=0.2, recurrent_dropout=0.3, input_dropout=0.2, weight_drop=0.1, dropout=0.2
    )
    x = torch.randn(T, B, IN, requires_grad=True)

    def run(x: Tensor) -> Tensor:
        return layer(x, lengths=LENGTHS)[0]

    found = []
    for wrapped in (run, lambda x: checkpoint(run, x, use_reentrant=reentrant)):
        torch.manual_seed(5)
        layer.zero_grad()
        x.grad = None
        wrapped(x).square().sum().backward()
        assert x.grad is not None
        found.append([x.grad, *(p.grad for p in layer.parameters())])
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, atol=0, rtol=0)


@pytest.mark.parametrize(
    "name", ["weight_ih_l0", "weight_hh_l1_reverse", "peephole_l0", "initial_c_l1", "bias_hh_l0"]
)
@pytest.mark.parametrize("way", [weight_norm, orthogonal])
def test_any_parameter_may_be_parametrized(name: str, way: Any, backend: str) -> None:
    layer = network(backend, weight_drop=0.2)
    with torch.no_grad():
        layer.initial_c_l1.normal_()
    if getattr(layer, name).dim() < 2:
        if way is orthogonal:
            pytest.skip("a vector is not orthogonal")
        way = lambda module, name: weight_norm(module, name, dim=None)  # noqa: E731
    way(layer, name)
    x = torch.randn(T, B, IN)
    torch.manual_seed(1)
    output, _ = layer(x)
    plain = network(backend, weight_drop=0.2)
    state = {k: v for k, v in layer.state_dict().items() if not k.startswith("parametrizations")}
    plain.load_state_dict({**state, name: getattr(layer, name).detach()})
    torch.manual_seed(1)
    torch.testing.assert_close(output, plain(x)[0], atol=1e-6, rtol=0)
    output.square().sum().backward()
    inner = [p for n, p in layer.named_parameters() if n.startswith("parametrizations")]
    assert inner
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in inner)
    torch.manual_seed(1)
    torch.testing.assert_close(copy.deepcopy(layer)(x)[0], output, atol=0, rtol=0)


@pytest.mark.parametrize("memory", ["fast", "low"])
@pytest.mark.parametrize("layer", [elman.nn.RNN, elman.nn.GRU, elman.nn.LSTM])
def test_gradients_share_no_memory(layer: Any, memory: str) -> None:
    """Those of both biases are the same numbers: clipping one in place must leave the other as it is."""
    layer = layer(IN, H, memory=memory)
    found = gradients(layer, layer(torch.randn(T, B, IN))[0].sum())
    assert len({gradient.untyped_storage().data_ptr() for gradient in found}) == len(found)


def test_backward_in_evaluation(backend: str) -> None:
    layer = network(backend, zoneout=0.2, recurrent_dropout=0.3).eval()
    x = torch.randn(T, B, IN, requires_grad=True)
    layer(x)[0].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0
    assert all(p.grad is not None for p in layer.parameters())


def per_sample(layer: Any, x: Tensor, randomness: str) -> dict[str, Tensor]:
    """The gradient of each sequence's own loss in each parameter."""
    parameters = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(parameters: dict[str, Tensor], one: Tensor) -> Tensor:
        return functional_call(layer, parameters, (one,))[0].square().sum()

    return vmap(grad(loss), in_dims=(None, 1), randomness=randomness)(parameters, x)


@pytest.mark.parametrize("randomness", ["same", "different"])
def test_per_sample_gradients_with_masks(randomness: str, backend: str) -> None:
    """ "same": as if each sequence had been run alone from the same seed; "different": draws of its own."""
    layer = network(backend, zoneout=0.2, recurrent_dropout=0.3, input_dropout=0.2, weight_drop=0.1)
    x = torch.randn(T, 1, IN).expand(-1, B, -1)
    torch.manual_seed(2)
    found = per_sample(layer, x, randomness)
    for name, gradient in found.items():
        assert gradient.shape == (B, *getattr(layer, name).shape)
        equal = torch.allclose(gradient[0], gradient[1], atol=1e-6)
        assert equal == (randomness == "same"), name
    if randomness == "same":
        torch.manual_seed(2)
        alone = gradients(layer, layer(x[:, 0])[0].square().sum())
        for expected, gradient in zip(alone, found.values(), strict=True):
            torch.testing.assert_close(gradient[2], expected, atol=1e-5, rtol=1e-4)


def test_compiled_with_masks(backend: str) -> None:
    """One graph, in training and in evaluation; there the numbers are those of the layer itself."""
    torch._dynamo.reset()
    layer = network(backend, zoneout=0.2, recurrent_dropout=0.3, input_dropout=0.2, weight_drop=0.1)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(T, B, IN)
    torch.manual_seed(3)
    output, _ = compiled(x, lengths=LENGTHS)
    torch.manual_seed(3)
    torch.testing.assert_close(output, layer(x, lengths=LENGTHS)[0], atol=1e-6, rtol=0)
    assert all(g.isfinite().all() for g in gradients(layer, output.square().sum()))
    layer.eval()
    torch.testing.assert_close(compiled(x)[0], layer(x)[0], atol=1e-6, rtol=0)
