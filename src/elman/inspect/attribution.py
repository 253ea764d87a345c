"""Attribution: which steps made an answer, by integrated gradients and by occlusion, through Captum.

Integrated gradients, Sundararajan et al. 2017 (arXiv:1703.01365); occlusion, Zeiler and Fergus 2014
(arXiv:1311.2901), a step at a time. Both are taken at what the recurrent layers read (embeddings, scaled
numbers), against zeros, so the network stays as it is.

Dimensions: T steps, F features of what the first recurrent layer reads, N copies of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from elman.errors import missing
from elman.inspect.examine import BELOW
from elman.nn import Recurrent
from elman.tasks.task import Answer, Model, Task

if TYPE_CHECKING:
    from captum.attr import IntegratedGradients

USUAL = 2  # sequences where captum is installed
POINTS = (
    64,
    256,
    1024,
)  # of the path from zeros to the input; more are taken where fewer leave too much open
OPEN = 0.02  # share of the score's change that may be left open
AT_ONCE = 32  # copies of a sequence that are run together


@dataclass(frozen=True)
class Attribution:
    """Of one answer.

    sequence: of the batch. answer: in words, such as "positive". score: what was attributed, the answer's
    logit or the like; baseline: the same for zeros. inputs: (T,) as `Place.here` has them. integrated,
    occluded: (T,) what each step adds to the score. gap: |Σ integrated - (score - baseline)|, 0 where the
    attribution is complete.
    """

    sequence: int
    answer: str
    score: float
    baseline: float
    inputs: list[Any]
    integrated: list[float]
    occluded: list[float]
    gap: float

    def plain(self) -> dict[str, Any]:
        return dict(vars(self))


def attributions(
    task: Task[Any, Any], model: Model, batch: Any, explain: int | None
) -> tuple[list[Attribution], tuple[str, ...]]:
    """(of the first `explain` sequences of a fetched batch, notes on what is missing).

    Raises `MissingError` where they are asked for and captum is not installed.
    """
    if explain == 0:
        return [], ()
    if find_spec("captum") is None:
        error = missing("captum", extra="inspect", what="attribution")
        if explain is not None:
            raise error
        return [], (str(error),)
    found: list[Attribution] = []
    for sequence in range(USUAL if explain is None else explain):
        answer = task.answer(model, batch, sequence)
        if answer is None:
            break
        found.append(attribute(model.module, answer, sequence))
    if not found:
        return [], (f"attribution: not for {task.name} yet",)
    return found, tuple(
        _incomplete(entry) for entry in found if entry.gap > OPEN * abs(entry.score - entry.baseline)
    )


def _incomplete(entry: Attribution) -> str:
    share = entry.gap / max(abs(entry.score - entry.baseline), 1e-12)
    return (
        f"sequence {entry.sequence}: integrated gradients leave {share:.0%} of the score open, even "
        f"by {POINTS[-1]} points of the path: trust occlusion more."
    )


def attribute(module: nn.Module, answer: Answer, sequence: int = 0) -> Attribution:
    """The attribution of one answer of a network, in evaluation; its mode is as before afterwards."""
    from captum.attr import IntegratedGradients, Occlusion

    training: bool = module.training
    cut: list[Any] = [part for part in module.modules() if hasattr(part, "bptt")]
    steps_back = [part.bptt for part in cut]
    module.eval()
    try:
        for part in cut:
            part.bptt = None  # the gradient is wanted through all steps
        read = _read(module, answer)
        run = _with_reading(module, answer)
        baseline = torch.zeros_like(read)
        with torch.no_grad():
            hidden = Occlusion(run).attribute(
                read,
                sliding_window_shapes=(1, read.shape[2]),
                baselines=baseline,
                perturbations_per_eval=AT_ONCE,
            )
            score, zero = float(run(read)), float(run(baseline))
        integrated = _integrated(IntegratedGradients(run), read, score - zero)
    finally:
        module.train(training)
        for part, steps in zip(cut, steps_back, strict=True):
            part.bptt = steps
    assert isinstance(hidden, Tensor)
    steps = integrated[0].sum(1)
    wide, rest = divmod(len(answer.inputs), len(steps))
    inputs = (
        answer.inputs
        if wide == 1
        else [answer.inputs[t : t + wide] for t in range(0, len(answer.inputs), wide or 1)]
    )
    if rest or not wide:  # what stands at the recurrent layers' steps is not known
        inputs = read[0].tolist()
    return Attribution(
        sequence,
        answer.text,
        score,
        zero,
        inputs,
        steps.tolist(),
        hidden[0, :, 0].tolist(),
        abs(float(steps.sum()) - (score - zero)),
    )


def _integrated(paths: IntegratedGradients, read: Tensor, change: float) -> Tensor:
    """Of what was read (1, T, F), by as many points as leave `OPEN` of `change` open or less, or the most."""
    found = torch.zeros_like(read)
    for points in POINTS:
        with torch.enable_grad():
            given = paths.attribute(read, torch.zeros_like(read), n_steps=points, internal_batch_size=AT_ONCE)
        assert isinstance(given, Tensor)
        found = given
        if abs(float(found.sum()) - change) <= OPEN * abs(change):
            break
    return found


def _first_layer(module: nn.Module) -> Recurrent:
    """The first recurrent layers of the task's own."""
    return next(
        part
        for name, part in module.named_modules()
        if isinstance(part, Recurrent) and not name.startswith(BELOW)
    )


def _read(module: nn.Module, answer: Answer) -> Tensor:
    """(1, T, F): what the first recurrent layer reads of the sequence."""
    read: list[Tensor] = []
    handle = _first_layer(module).register_forward_pre_hook(lambda _, given: read.append(given[0].detach()))
    try:
        with torch.no_grad():
            answer.score(1)
    finally:
        handle.remove()
    return read[0].transpose(0, 1).contiguous()


def _with_reading(module: nn.Module, answer: Answer) -> Callable[[Tensor], Tensor]:
    """(N, T, F), in place of what the first recurrent layer reads, to the scores (N,)."""
    layer = _first_layer(module)

    def run(read: Tensor) -> Tensor:
        waiting = [read.transpose(0, 1)]  # only the first call of the layer is given it
        handle = layer.register_forward_pre_hook(
            lambda _, given: (waiting.pop(), *given[1:]) if waiting else None
        )
        try:
            return answer.score(len(read))
        finally:
            handle.remove()

    return run
