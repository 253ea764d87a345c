"""Several batches looked at one after the other, and put together: the graph of one is held at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from elman.inspect import inside as values
from elman.inspect.examine import Look, look
from elman.inspect.gates import Units, units_of
from elman.inspect.influence import Influence, Reached, influence_of, reached
from elman.inspect.inside import Inside
from elman.inspect.places import Context
from elman.inspect.spectrum import Spectrum, spectrum
from elman.nn.recording import Walk
from elman.train import gradient_flow
from elman.train.gradient_flow import LayerFlow
from elman.train.learner import Learner

WORDS_AROUND, LETTERS_AROUND, NUMBERS_AROUND = 8, 32, 28  # steps shown before and after a place
ENOUGH_SEQUENCES, ENOUGH_STEPS = 256, 20_000  # after which no further batch is looked at

#: what a fetched batch holds for people, as of `Task.seen`
Seen = Callable[[Any], "Tensor | list[list[str]] | None"]


@dataclass
class Layer:
    """One layer in one direction: its walk over the first batch, and what was measured on each."""

    walk: Walk
    spectrum: Spectrum
    lengths: list[Tensor] = field(default_factory=list)
    flows: list[LayerFlow] = field(default_factory=list)
    inside: list[Inside] = field(default_factory=list)
    reached: list[Reached] = field(default_factory=list)


@dataclass(frozen=True)
class Several:
    """Batches together, their sequences numbered on from batch to batch.

    first: the look at the first, its graph kept. walks: of the first layer over each batch, without a graph.
    inside, context: of the last layer. sequences, steps: in all, padding left out.
    """

    first: Look
    walks: list[Walk]
    flows: list[LayerFlow]
    influences: list[Influence]
    spectra: list[Spectrum]
    units: list[Units]
    inside: Inside
    context: Context
    sequences: int
    steps: int


def look_at_several(
    learner: Learner, seen: Seen, batch: int, batches: int | None, *, step: int | None, share: float
) -> Several:
    """Look at `batches` of the first epoch from number `batch` on; None: until `ENOUGH_SEQUENCES` or
    `ENOUGH_STEPS` were seen.

    step, share: as of `influence`; batches whose sequences end before `step` tell nothing of it.

    Raises `DataError` if there is no such batch, `ArgumentError` if no sequence has such a step.
    """
    layers: dict[tuple[str, int, int], Layer] = {}
    contexts: list[Context] = []
    sizes: list[int] = []
    walks: list[Walk] = []
    steps, last = 0, min(len(learner.batches(1)), batch + (batches or 10**9))
    first = now = look(learner, batch)
    for number in range(batch, max(last, batch + 1)):
        now = first if number == batch else look(learner, number)
        for walk, flow, held in zip(now.walks, now.flows, now.inside, strict=True):
            key = (walk.name, walk.layer, walk.direction)
            if key not in layers:
                layers[key] = Layer(walk, spectrum(walk, share=share))
            layers[key].flows.append(flow)
            layers[key].inside.append(held)
            if step is None or step in walk.steps:
                layers[key].reached.append(reached(walk, step=step))
        sizes.append(len(now.walks[-1].lengths))
        contexts.append(context_of(seen(now.batch), now.walks[-1]))
        walks.append(now.walks[0].without_graph())
        steps += int(now.walks[-1].lengths.sum())
        if batches is None and (sum(sizes) >= ENOUGH_SEQUENCES or steps >= ENOUGH_STEPS):
            break
    for layer in layers.values():
        if not layer.reached:
            reached(layer.walk, step=step)  # says which steps there are
    held = [values.joined(layer.inside, sizes) for layer in layers.values()]
    return Several(
        first,
        walks,
        [gradient_flow.joined(layer.flows) for layer in layers.values()],
        [influence_of(layer.walk, layer.reached, step=step, share=share) for layer in layers.values()],
        [layer.spectrum for layer in layers.values()],
        [units_of(layer.walk, inside) for layer, inside in zip(layers.values(), held, strict=True)],
        held[-1],
        _numbered_on(contexts, sizes),
        sum(sizes),
        steps,
    )


def context_of(seen: Tensor | list[list[str]] | None, walk: Walk) -> Context:
    """What stands around a step of a sequence: tokens, lists of numbers, or a list of such lists where a step
    reads several rows of a signal. seen: as of `Task.seen`."""
    count, lengths = len(walk.x), walk.lengths.tolist()
    if seen is None or not count or len(seen) % count:
        rows = walk.x.detach()
    elif isinstance(seen, Tensor) and len(seen) > count:  # each step reads a stretch of several rows
        rows = seen.unflatten(0, (count, -1)).transpose(1, 2)
    else:
        rows = seen
    if isinstance(rows, Tensor):
        reach = NUMBERS_AROUND
    else:
        reach = LETTERS_AROUND if all(len(token) <= 1 for row in rows for token in row) else WORDS_AROUND

    def at(sequence: int, step: int) -> Any:
        value = rows[step][sequence]
        return value.double().round(decimals=6).tolist() if isinstance(value, Tensor) else value

    def around(sequence: int, step: int) -> tuple[list[Any], Any, list[Any]]:
        before = [at(sequence, t) for t in range(max(0, step - reach), step)]
        after = [at(sequence, t) for t in range(step + 1, min(lengths[sequence], step + 1 + reach))]
        return before, at(sequence, step), after

    return around


def _numbered_on(contexts: list[Context], sizes: list[int]) -> Context:
    def around(sequence: int, step: int) -> tuple[list[Any], Any, list[Any]]:
        number = 0
        while sequence >= sizes[number]:
            sequence -= sizes[number]
            number += 1
        return contexts[number](sequence, step)

    return around
