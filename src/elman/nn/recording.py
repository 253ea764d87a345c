"""Recording: the states that recurrent layers pass through, with the graph that leads from each to the loss.

A layer hands its reader the whole sequence, and no gradient of a state in its midst ever leaves that reader.
While a layer is recorded it walks in stretches instead, one call after the other, so every state between two
of them is a tensor of the graph: `torch.autograd.grad(loss, walk.states[k])` is ∂L/∂h_t, all later steps
included.

Dimensions: T steps, B sequences, I input features, W features of one state, M marks (ends of stretches).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from elman.backends import recurrence
from elman.backends.given import Given, initial_states
from elman.errors import shown, wrong
from elman.nn.recurrent import Recurrent
from elman.program import Program


@dataclass(frozen=True)
class Walk:
    """One layer's walk over a batch, in one direction (0 forward, 1 from the end).

    name: of the module within the network. x: (T, B, I), what the layer read. parameters, masks: as
    `elman.backends.recurrence` takes them, detached. lengths: (B,) on the device of x. initial: the states
    before the first step. steps: the step t of each mark, in the order in which they are walked. states:
    those after that step, (B, W) each; past the end of a sequence they stay what they were there.
    """

    name: str
    layer: int
    direction: int
    program: Program
    x: Tensor
    parameters: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]
    lengths: Tensor
    initial: tuple[Tensor, ...]
    steps: list[int] = field(default_factory=list)
    states: list[tuple[Tensor, ...]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What tables call it."""
        return f"layer {self.layer + 1}" + (" from the end" if self.direction else "")

    @property
    def running(self) -> Tensor:
        """(M, B) bool: whether the mark lies within the sequence."""
        return self._at < self.lengths

    @property
    def lags(self) -> Tensor:
        """(M, B) int64: steps that the walk still had to go at each mark; negative past the end."""
        return self._at.expand(-1, len(self.lengths)) if self.direction else self.lengths - 1 - self._at

    @property
    def every_step(self) -> bool:
        """Whether each step is a mark."""
        return len(self.steps) == len(self.x)

    def without_graph(self) -> Walk:
        """What was read, without the states and the way back from them."""
        return replace(self, x=self.x.detach(), initial=(), steps=[], states=[])

    @property
    def _at(self) -> Tensor:
        return torch.tensor(self.steps, device=self.lengths.device)[:, None]


@contextmanager
def recorded(module: nn.Module, most: int | None = None) -> Iterator[list[Walk]]:
    """Record the walks of all `Recurrent` layers in `module` that run with gradients enabled.

    most: marks of a walk at most, evenly spaced; None makes every step one.

    Raises `ArgumentError` if there is no such layer.
    """
    layers = {name: part for name, part in module.named_modules() if isinstance(part, Recurrent)}
    if not layers:
        raise wrong(
            "module",
            expected="a network with layers of elman.nn",
            got=shown(f"a {type(module).__name__} without any"),
            remedy="Build it with elman.nn.RNN, GRU, LSTM or Recurrent.",
        )
    walks: list[Walk] = []
    former = [layer.walker for layer in layers.values()]
    try:
        for name, layer in layers.items():
            layer.walker = partial(_walk, walks, most, name)
        yield walks
    finally:
        for layer, walker in zip(layers.values(), former, strict=True):
            layer.walker = walker


def _walk(
    walks: list[Walk],
    most: int | None,
    name: str,
    layer: int,
    direction: int,
    program: Program,
    x: Tensor,
    parameters: Mapping[str, Tensor],
    states: Sequence[Tensor | None],
    *,
    masks: Mapping[str, Tensor] | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    all_states: bool,
    **rest: Any,
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """What `recurrence` returns, by as many calls as there are stretches."""
    reader = {"reverse": reverse, "all_states": all_states, **rest}
    if not torch.is_grad_enabled() or len(x) == 0:
        return recurrence(
            program, x, parameters, states, masks=masks, lengths=lengths, resets=resets, **reader
        )
    if resets is not None:
        raise wrong("resets", expected="none while a layer is recorded", got=shown("some"))
    plain = {key: value.detach() for key, value in parameters.items()}
    current = _initial(program, x, plain, states)
    size = x.shape[1]
    known = torch.full((size,), len(x)) if lengths is None else lengths
    fixed = {key: mask.detach() for key, mask in (masks or {}).items()}
    walk = Walk(name, layer, direction, program, x, plain, fixed, known.to(x.device), tuple(current))
    outputs: list[Sequence[Tensor]] = []
    stretches = _stretches(len(x), most)
    for start, stop in reversed(stretches) if reverse else stretches:
        within = {key: mask if mask.dim() == 2 else mask[start:stop] for key, mask in fixed.items()}
        left = None if lengths is None else (lengths - start).clamp(0, stop - start)
        walked, after = recurrence(
            program, x[start:stop], plain, current, masks=within, lengths=left, **reader
        )
        current = list(after)
        mark = start if reverse else stop - 1
        outputs.append(_through_states(walked, current, mark < walk.lengths, reverse))
        walk.steps.append(mark)
        walk.states.append(tuple(current))
    walks.append(walk)
    ordered = outputs[::-1] if reverse else outputs
    return tuple(torch.cat(parts) for parts in zip(*ordered, strict=True)), tuple(current)


def _through_states(
    walked: Sequence[Tensor], after: Sequence[Tensor], active: Tensor, reverse: bool
) -> list[Tensor]:
    """Outputs of a stretch whose last walked step is the state after it, for gradients to pass through."""
    shown = [state.where(active[:, None], 0.0)[None] for state in after[: len(walked)]]
    if reverse:
        return [torch.cat([own, output[1:]]) for own, output in zip(shown, walked, strict=True)]
    return [torch.cat([output[:-1], own]) for own, output in zip(shown, walked, strict=True)]


def _stretches(steps: int, most: int | None) -> list[tuple[int, int]]:
    """(start, stop) of each stretch."""
    count = steps if most is None else max(1, min(most, steps))
    edges = [steps * place // count for place in range(count + 1)]
    return list(pairwise(edges))


def _initial(
    program: Program, x: Tensor, parameters: Mapping[str, Tensor], states: Sequence[Tensor | None]
) -> list[Tensor]:
    """Where the walk begins, with a gradient wanted, so that every later state is in the graph."""
    begun = initial_states(program, Given(x, parameters, states))
    return [state if state.requires_grad else state.detach().requires_grad_() for state in begun]
