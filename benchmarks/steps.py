"""Whole training steps on images by rows: elman, plain torch, and Keras with each of its backends.

A step takes a batch forward through the layer, the last output through a linear head and softmax into the
loss, all of it backward, and lets Adam change the weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.context import Context
from benchmarks.peers.contestant import ROOT, Contestant, UnavailableError
from benchmarks.peers.serve import burst
from elman.bench import layers
from elman.bench.agreement import disagreement
from elman.bench.record import Figure, Row, measure
from elman.bench.shapes import Shape

SHAPE = Shape(32, 28, 28, 128)
CLASSES, LEARNING_RATE, CHECKED_STEPS = 10, 1e-3, 4
BACKENDS = ("jax", "tensorflow", "torch")
OVER_TORCH = {"RNN": 2.0, "GRU": 2.0, "LSTM": 1.6}
OVER_KERAS = 3.5
PEERS = ROOT / ".venv-peers" / "bin" / "python"
KERAS_SECONDS = 300  # in which a backend tries its ways to run a step


class Classifier(nn.Module):
    """A recurrent layer and a linear head on its last output."""

    def __init__(self, layer: nn.Module, hidden: int) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(hidden, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, I) to (B, classes)."""
        return self.head(self.layer(x)[0][:, -1])


def batch(shape: Shape) -> tuple[Tensor, Tensor]:
    """Random images (B, T, I) and labels (B,)."""
    x, _ = layers.given(shape)
    labels = torch.randint(CLASSES, (shape.batch,), generator=torch.Generator().manual_seed(layers.SEED))
    return x.transpose(0, 1).contiguous(), labels


def models(kind: str, shape: Shape) -> dict[str, Classifier]:
    """The same model with elman's layer, with torch's, and in float64 with torch's."""
    torch.manual_seed(layers.SEED)
    sizes, found = (shape.input, shape.hidden), {}
    for name, make in (("torch", layers.KINDS[kind].theirs), ("elman", layers.KINDS[kind].ours)):
        found[name] = Classifier(make(*sizes, batch_first=True), shape.hidden)
    found["oracle"] = Classifier(layers.KINDS[kind].theirs(*sizes, batch_first=True), shape.hidden).double()
    for model in found.values():
        model.load_state_dict(found["torch"].state_dict())
    return found


def results(model: Classifier, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The loss and all its gradients."""
    model.zero_grad(set_to_none=True)
    loss = cross_entropy(model(x.to(model.head.weight.dtype)), y)
    loss.backward()
    found = {f"gradient of {n}": layers.gradient(p).clone() for n, p in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    return {"loss": loss.detach(), **found}


def step_of(model: Classifier, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    """One call is one step; returns the loss before it."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, LEARNING_RATE, fused=True)
    x = x.to(model.head.weight.dtype)

    def step() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def for_keras(kind: str, oracle: Classifier, x: Tensor, y: Tensor) -> Mapping[str, np.ndarray]:
    """What the peer needs: the batch, the weights, and the losses of the first steps.

    Where Keras has a single bias (RNN, LSTM), only one of torch's two is trained.
    """
    weights = {
        name.removeprefix("layer."): w.float().numpy().copy() for name, w in oracle.state_dict().items()
    }
    oracle.layer.get_parameter("bias_hh_l0").requires_grad_(kind == "GRU")
    step = step_of(oracle, x, y)
    losses = np.array([step().item() for _ in range(CHECKED_STEPS)])
    return {
        "x": x.numpy(),
        "y": y.numpy(),
        "learning_rate": np.array(LEARNING_RATE),
        "losses": losses,
        **weights,
    }


def rows(context: Context) -> Iterator[Row]:
    """One row for each kind of layer."""
    for kind in context.kinds:
        for shape in context.shapes_or(SHAPE):
            context.starting(f"{kind} {shape} training step")
            yield row(kind, shape, context)


def row(kind: str, shape: Shape, context: Context, python: Path = PEERS) -> Row:
    """Times a step of each contestant, in bursts."""
    x, y = batch(shape)
    made = models(kind, shape)
    right = results(made["oracle"], x, y)
    for name in ("elman", "torch"):
        if found := disagreement(results(made[name], x, y), right):
            return Row(kind, "training step", shape, wrong=f"{name}: {found}")
    works: dict[str, Callable[[], object]] = {
        name: partial(burst, step_of(made[name], x, y)) for name in ("elman", "torch")
    }
    steps, notes, about = {}, {}, {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        np.savez(folder / "model.npz", **for_keras(kind, made["oracle"], x, y))  # type: ignore[arg-type]
        for backend in () if context.quick else BACKENDS:
            name = f"keras {backend}"
            context.starting(f"{kind} {shape}: {name} looks for its fastest way")
            try:
                peer = stack.enter_context(
                    keras(kind, backend, context.threads, folder / "model.npz", python)
                )
            except UnavailableError as unavailable:
                notes[name] = str(unavailable)
                continue
            steps[name] = int(peer.known["steps"])
            works[name] = lambda peer=peer, count=steps[name]: peer() / count
            about[name] = _way(peer.known)
        times = measure(works, context.effort, context.mm)
    figures = {"torch / elman": Figure(times.ratio("torch", "elman"), least=OVER_TORCH[kind])}
    if steps:
        fastest = min(steps, key=lambda name: times.times()[name].median)
        figures["fastest Keras / elman"] = Figure(times.ratio(fastest, "elman"), least=OVER_KERAS)
    return Row(
        kind,
        "training step",
        shape,
        rounds=times.rounds,
        mm_gflops_per_second=times.mm,
        times=times.times(),
        figures=figures,
        notes=notes,
        about=about,
    )


def keras(kind: str, backend: str, threads: int, model: Path, python: Path) -> Contestant:
    """Keras's step in a process of its own; raises `UnavailableError` where it is not there or not right."""
    if not python.exists():
        raise UnavailableError("not installed: make bench-peers")
    script = ROOT / "benchmarks" / "peers" / "keras_step.py"
    command = [str(python), str(script), kind, backend, str(threads), str(model)]
    return Contestant(command, KERAS_SECONDS, "start", PYTHONPATH="")


def _way(known: Mapping[str, object]) -> str:
    """How the peer runs a step, in a few words."""
    call = f"fit, {known['steps_per_execution']} a call" if known["steps_per_execution"] else "train_on_batch"
    marks = [name for name in ("unroll", "jit_compile") if known[name]]
    return ", ".join([f"keras {known['keras']}", call, *marks])
