"""torch.func, vmap, gradients of gradients and checkpointing through the engine, beside the reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, hessian, jacrev, jvp, vmap
from torch.utils.checkpoint import checkpoint

from elman import cells, nn
from elman.backends import recurrence

T, B, V = 5, 3, 4
SIZES = {"I": 3, "H": 4, "P": 2}
LENGTHS = torch.tensor([5, 0, 3])
READERS = ("engine", "reference")


def layers(name: str, memory: str = "fast") -> dict[str, Any]:
    """The layer on both readers, with the same weights."""
    pair = {reader: getattr(nn, name)(3, 4, backend=reader, memory=memory) for reader in READERS}
    pair["reference"].load_state_dict(pair["engine"].state_dict())
    return pair


def weights(layer: Any) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in layer.named_parameters()}


def loss_of(layer: Any, **options: Any) -> Any:
    def loss(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        output, state = functional_call(layer, parameters, (x,), options)
        states = state if isinstance(state, tuple) else (state,)
        return output.square().sum() + sum((s**3).sum() for s in states)

    return loss


def near(found: Any, expected: Any, tolerance: float = 2e-5) -> None:
    """Trees of tensors, within the tolerance of the largest value of each."""
    for ours, theirs in zip(*map(torch.utils._pytree.tree_leaves, (found, expected)), strict=True):
        ours, theirs = ours.detach(), theirs.detach()
        assert ours.shape == theirs.shape
        allowed = tolerance * max(1.0, theirs.abs().max().item())
        assert (ours - theirs).abs().max().item() <= allowed


SINGLE = {
    "gradient": lambda loss, w, x: grad(loss, argnums=(0, 1))(w, x[0]),
    "per sample": lambda loss, w, x: vmap(grad(loss), in_dims=(None, 0))(w, x),
    "per sample, second dimension": lambda loss, w, x: vmap(grad(loss), in_dims=(None, 1))(
        w, x.movedim(0, 1)
    ),
    "per sample of samples": lambda loss, w, x: vmap(vmap(grad(loss), (None, 0)), (None, 0))(
        w, torch.stack([x, -x])
    ),
    "models": lambda loss, w, x: vmap(grad(loss), in_dims=(0, None))(stacked(w), x[0]),
    "vmap": lambda loss, w, x: vmap(lambda one: loss(w, one))(x),
    "jacobian": lambda loss, w, x: jacrev(loss, argnums=(0, 1))(w, x[0]),
    "tangent": lambda loss, w, x: jvp(lambda one: loss(w, one), (x[0],), (x[1],)),
}
DOUBLE = {
    "of the gradient": lambda loss, w, x: grad(lambda w: squares(grad(loss)(w, x[0])))(w),
    "of gradients per sample": lambda loss, w, x: grad(
        lambda w: squares(vmap(grad(loss), in_dims=(None, 0))(w, x))
    )(w),
    "per sample": lambda loss, w, x: vmap(grad(lambda w, x: squares(grad(loss)(w, x))), in_dims=(None, 0))(
        w, x
    ),
    "hessian": lambda loss, w, x: hessian(lambda one: loss(w, one))(x[0]),
}


def stacked(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.stack([p, -p, 0.5 * p]) for name, p in parameters.items()}


def squares(tree: Any) -> Tensor:
    return sum((t.square().sum() for t in torch.utils._pytree.tree_leaves(tree)), torch.zeros(()))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own, at the first jvp
@pytest.mark.parametrize("memory", ["fast", "low"])
@pytest.mark.parametrize("name", ["RNN", "LSTM"])
@pytest.mark.parametrize("transform", [*SINGLE, *(f"double: {d}" for d in DOUBLE)])
def test_transforms(transform: str, name: str, memory: str) -> None:
    function = SINGLE.get(transform) or DOUBLE[transform.removeprefix("double: ")]
    pair, x = layers(name, memory), torch.randn(V, T, B, 3)
    found = [function(loss_of(layer), weights(pair["engine"]), x) for layer in pair.values()]
    near(*found, tolerance=1e-4 if "double" in transform else 2e-5)


@pytest.mark.parametrize("options", [{"peepholes": True}, {"proj_size": 2}], ids=str)
@pytest.mark.parametrize("memory", ["fast", "low"])
def test_gradients_of_each_ragged_sample(options: dict[str, Any], memory: str) -> None:
    """Both directions and layers; lengths and resets for each sample, and NaN in the padding."""
    layer = nn.LSTM(3, 4, 2, bidirectional=True, backend="engine", memory=memory, **options)
    x, lengths = torch.randn(V, T, B, 3), torch.randint(T + 1, (V, B))
    resets = torch.rand(V, T, B) > 0.6
    for sample in range(V):
        for b in range(B):
            x[sample, lengths[sample, b] :, b] = float("nan")

    def loss(parameters: Any, x: Tensor, lengths: Tensor, resets: Tensor) -> Tensor:
        return loss_of(layer, lengths=lengths, resets=resets)(parameters, x)

    own = weights(layer)
    together = vmap(grad(loss), in_dims=(None, 0, 0, 0))(own, x, lengths, resets)
    for sample in range(V):
        alone = grad(loss)(own, x[sample], lengths[sample], resets[sample])
        near({name: g[sample] for name, g in together.items()}, alone)


@pytest.mark.parametrize("memory", ["fast", "low"])
@pytest.mark.parametrize("cell", [cells.GRU(), cells.LSTM(peepholes=True, projection=True)], ids=repr)
def test_gradients_of_gradients(cell: Any, memory: str) -> None:
    """torch's own check in float64, with resets, lengths and all states; and in float32 beside it."""
    program = cell.program()
    leaves = [torch.randn(T, B, 3), *(torch.randn(p.shape(SIZES)) for p in program.parameters)]
    leaves += [torch.randn(B, SIZES[s.width]) for s in program.states]
    leaves = [leaf.double().requires_grad_() for leaf in leaves]
    resets, count = torch.rand(T, B) > 0.6, len(program.parameters)

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        named = {p.name: v for p, v in zip(program.parameters, values[1:], strict=False)}
        sequences, finals = recurrence(
            program,
            values[0],
            named,
            values[1 + count :],
            lengths=LENGTHS,
            resets=resets,
            memory=memory,
            all_states=True,
            backend="engine",
        )
        return *sequences, *finals

    assert torch.autograd.gradcheck(run, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, leaves, fast_mode=True)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_and_eval_mode(reentrant: bool) -> None:
    layer = nn.GRU(3, 4, backend="engine").eval()
    x = torch.randn(T, B, 3, requires_grad=True)
    resets = torch.rand(T, B) > 0.6

    def run(x: Tensor) -> Tensor:
        return layer(x, lengths=LENGTHS, resets=resets)[0].square()

    leaves = [x, *layer.parameters()]
    results = []
    for output in (run(x), checkpoint(run, x, use_reentrant=reentrant)):
        for leaf in leaves:
            leaf.grad = None
        output.sum().backward()
        results.append([leaf.grad for leaf in leaves])
    for plain, again in zip(*results, strict=True):
        assert torch.equal(plain, again)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("memory", ["fast", "low"])
@pytest.mark.parametrize("reader", READERS)
def test_checkpointing_draws_again_what_was_drawn(reader: str, memory: str, reentrant: bool) -> None:
    """Through every regulariser, and through a state that comes in and goes on."""
    drops = {"dropout": 0.3, "input_dropout": 0.2, "recurrent_dropout": 0.3, "weight_drop": 0.2}
    layer = nn.LSTM(3, 4, 2, zoneout=0.2, backend=reader, memory=memory, **drops)
    leaves = [torch.randn(T, B, 3), torch.randn(2, B, 4), torch.randn(2, B, 4)]
    leaves = [leaf.requires_grad_() for leaf in leaves]

    def run(x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        output, state = layer(x, (h, c), lengths=LENGTHS)
        return output, *state

    results = []
    for checkpointed in (False, True):
        torch.manual_seed(9)
        found = checkpoint(run, *leaves, use_reentrant=reentrant) if checkpointed else run(*leaves)
        loss = sum((number + 1) * value.square().sum() for number, value in enumerate(found))
        for leaf in (*leaves, *layer.parameters()):
            leaf.grad = None
        loss.backward()
        results.append([*found, *(leaf.grad for leaf in (*leaves, *layer.parameters()))])
    for plain, again in zip(*results, strict=True):
        assert torch.equal(plain, again)
