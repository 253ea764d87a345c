"""The scan reader: time cut into chunks that are walked side by side, for states that enter linearly.

Where `Program.scans` covers every state, a chunk of steps maps each group of states as s' = A s + b,
whatever the state it starts from. So all chunks are walked at once, as rows of a batch, to find A and b; the
states at their starts follow from one chunk to the next; and the Program itself is walked over all chunks at
once from there. Every walk is another reader's, and differentiable, so the whole is, to any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from elman.backends.given import Given, initial_states
from elman.program import Program
from elman.program.linear import transfer

#: steps below which time is not cut: the chunks are walked twice
FEW_STEPS = 16

Reader = Callable[[Program, Given], tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]


def obstacle(program: Program, beyond: Sequence[str] = ()) -> str:
    """Why time cannot be cut, in a sentence; empty if it can."""
    scanned = {name for group in program.scans for name in group}
    rest = [state.name for state in program.states if state.name not in scanned]
    if rest:
        return f"state {', '.join(rest)} of {program.name} does not enter linearly and elementwise."
    return f"it does not serve {', '.join(beyond)}." if "resets" in beyond else ""


def chunks_of(steps: int) -> int:
    """Into how many chunks so many steps are cut: about as many as each has steps; few are left whole."""
    return max(1, math.isqrt(steps)) if steps >= FEW_STEPS else 1


def run(program: Program, given: Given, inner: Reader) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """As `reference.run`; `inner` is the reader that walks the chunks."""
    cut = _Cut.of(given)
    if cut.chunks == 1:
        return inner(program, given)
    initial = dict(zip((s.name for s in program.states), initial_states(program, given), strict=True))
    starts: dict[str, Tensor] = {}
    for number, group in enumerate(program.scans):
        if _is_read(program, group):
            starts |= _starts(program, number, given, cut, initial, starts, inner)
        else:  # what is never read may start anywhere; this is the final state of a sequence of no steps
            starts |= {name: initial[name].repeat(cut.chunks, 1) for name in group}
    states = [starts[state.name] for state in program.states]
    sequences, finals = inner(program, cut.given(given, program, states))
    return tuple(cut.join(s) for s in sequences), tuple(cut.last(f) for f in finals)


def _is_read(program: Program, group: tuple[str, ...]) -> bool:
    return any(source.kind == "state" and source.name in group for source in program.graph.inputs)


@lru_cache(maxsize=256)
def _transfer(program: Program, number: int) -> Program:
    former = tuple(name for group in program.scans[:number] for name in group)
    return transfer(program, program.scans[number], former)


def _starts(
    program: Program,
    number: int,
    given: Given,
    cut: _Cut,
    initial: dict[str, Tensor],
    former: dict[str, Tensor],
    inner: Reader,
) -> dict[str, Tensor]:
    """The states of one group before the first step of every chunk, (chunks · B, W)."""
    group, derived = program.scans[number], _transfer(program, number)
    states = []
    for state in derived.states:
        name, _, of = state.name.partition(".")
        zeros = torch.zeros_like(initial[name]).repeat(cut.chunks, 1)
        states.append(former[name] if name in former else torch.ones_like(zeros) if of == name else zeros)
    _, finals = inner(derived, cut.given(given, derived, states))
    maps = {s.name: f.unflatten(0, (cut.chunks, -1)) for s, f in zip(derived.states, finals, strict=True)}
    now, found = {name: initial[name] for name in group}, {name: [] for name in group}
    for c in cut.order:
        for name in group:
            found[name].append(now[name])
        now = {i: sum((maps[f"{i}.{j}"][c] * now[j] for j in group), start=maps[i][c]) for i in group}
    return {name: torch.cat(parts if not given.reverse else parts[::-1]) for name, parts in found.items()}


@dataclass(frozen=True)
class _Cut:
    """T steps as `chunks` of `steps`; row c · B + b is chunk c of sequence b. lengths: of rows, or None."""

    chunks: int
    steps: int
    whole: int
    batch: int
    lengths: Tensor | None
    reverse: bool

    @staticmethod
    def of(given: Given) -> _Cut:
        whole, batch = given.x.shape[:2]
        chunks = chunks_of(whole)
        steps = -(-whole // chunks)
        lengths = given.lengths
        if lengths is None and chunks * steps != whole:
            lengths = torch.full((batch,), whole)
        if lengths is not None:
            begins = torch.arange(0, chunks * steps, steps).unsqueeze(1)
            lengths = (lengths.cpu() - begins).clamp(0, steps).flatten()
        return _Cut(chunks, steps, whole, batch, lengths, given.reverse)

    @property
    def order(self) -> Sequence[int]:
        """The chunks as they are walked."""
        return range(self.chunks)[::-1] if self.reverse else range(self.chunks)

    def given(self, given: Given, program: Program, states: Sequence[Tensor]) -> Given:
        """What the walk of a Program over all chunks is given."""
        parameters = {p.name: given.parameters[p.name] for p in program.parameters}
        masks = {m.name: self._mask(given.masks[m.name]) for m in program.masks}
        return given._replace(
            x=self.split(given.x), parameters=parameters, states=states, masks=masks, lengths=self.lengths
        )

    def _mask(self, mask: Tensor) -> Tensor:
        return self.split(mask) if mask.dim() == 3 else mask.repeat(self.chunks, 1)

    def split(self, tensor: Tensor) -> Tensor:
        """(T, B, F) as (steps, chunks · B, F), zeros past T."""
        missing = self.chunks * self.steps - self.whole
        padded = torch.nn.functional.pad(tensor, (0, 0, 0, 0, 0, missing))
        return padded.unflatten(0, (self.chunks, self.steps)).transpose(0, 1).flatten(1, 2)

    def join(self, tensor: Tensor) -> Tensor:
        """Back from `split`."""
        return tensor.unflatten(1, (self.chunks, self.batch)).transpose(0, 1).flatten(0, 1)[: self.whole]

    def last(self, final: Tensor) -> Tensor:
        """(B, W): of each sequence the final state of the chunk that is walked last and has steps."""
        by_chunk = final.unflatten(0, (self.chunks, self.batch))
        if self.reverse:
            return by_chunk[0]
        if self.lengths is None:
            return by_chunk[-1]
        full = self.lengths.unflatten(0, (self.chunks, self.batch)) > 0
        chunk = (full.sum(0) - 1).clamp(min=0).to(final.device)
        return by_chunk[chunk, torch.arange(self.batch, device=final.device)]
