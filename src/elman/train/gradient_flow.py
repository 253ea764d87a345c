"""Gradient flow: how large the gradient of the real loss is at each state, on its way back through time.

Dimensions: M marks (steps at which states were recorded), B sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from elman.nn.recording import Walk, recorded

QUANTILES = {"low": 0.1, "median": 0.5, "high": 0.9}
LOST = 1e-3  # share of the largest gradient below which nothing is learned from a step
FEWEST = 0.1  # share of the sequences that have to reach back to a lag: a median of fewer says little


@dataclass(frozen=True)
class Profile:
    """Quantiles over the sequences at some places: steps, or steps back from the end of each sequence.

    places: (P,). low, median, high: (P,), the quantiles 0.1, 0.5, 0.9. count: (P,), sequences that have it.
    """

    places: list[int]
    low: list[float]
    median: list[float]
    high: list[float]
    count: list[int]

    def plain(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class LayerFlow:
    """‖∂L/∂s_t‖ of one layer in one direction, L being the sum of all terms of the loss.

    steps: (M,) in the order of the walk. lags: (M, B), steps before the end of each sequence's walk.
    norms: by the name of each state, the others of its step held, (M, B), and of all states of the cell
    together as "all"; NaN past the end of a sequence; what is not finite is the largest number of float32.
    """

    name: str
    title: str
    steps: list[int]
    lags: Tensor
    norms: dict[str, Tensor]

    def by_step(self, state: str = "all") -> Profile:
        """Over the steps, from the first."""
        order = sorted(range(len(self.steps)), key=self.steps.__getitem__)
        return profile([self.steps[place] for place in order], self.norms[state][order])

    def by_lag(self, state: str = "all") -> Profile:
        """Over the steps back from the end of each sequence's walk."""
        return profile_by_lag(self.lags, self.norms[state])

    def reach(self, share: float = LOST) -> int:
        """Steps back from the end within which the median gradient is `share` of its largest or more."""
        back = self.by_lag()
        return reach(back, share * max(back.median, default=0.0))

    def plain(self) -> dict[str, Any]:
        back = self.by_lag()
        return {
            "module": self.name,
            "title": self.title,
            "steps": len(back.places),
            "reach": self.reach(),
            "by_lag": back.plain(),
            "by_step": {state: self.by_step(state).plain() for state in self.norms},
        }


def gradient_flow(
    module: nn.Module, loss: Callable[[], Tensor], most: int | None = None, skip: str = ""
) -> list[LayerFlow]:
    """The flow in every recurrent layer of `module` as `loss()` calls it; weights get no gradient.

    loss: runs the network on a batch and gives a scalar, a sum over sequences (a mean times their number).
    most: marks at most, evenly spaced; None: every step. skip: modules whose name starts so are left out.

    Raises `ArgumentError` for a network without layers of elman.nn.
    """
    with torch.enable_grad(), recorded(module, most) as walks:
        total = loss()
    return flow_of(total, longest(walks, skip))


def longest(walks: Sequence[Walk], skip: str = "") -> list[Walk]:
    """Of each layer and direction the walk with the most steps, such as the past's beside that of a query."""
    chosen: dict[tuple[str, int, int], Walk] = {}
    for walk in walks:
        key = (walk.name, walk.layer, walk.direction)
        if skip and walk.name.startswith(skip):
            continue
        if key not in chosen or len(walk.x) > len(chosen[key].x):
            chosen[key] = walk
    return list(chosen.values())


def flow_of(total: Tensor, walks: Sequence[Walk], *, retain: bool = False) -> list[LayerFlow]:
    """`gradient_flow` of walks that were recorded; `retain` keeps the graph for more."""
    states = [state for walk in walks for after in walk.states for state in after]
    if not states:
        return []
    gradients = iter(torch.autograd.grad(total, states, allow_unused=True, retain_graph=retain))
    flows = []
    for walk in walks:
        names = [state.name for state in walk.program.states]
        squares: dict[str, list[Tensor]] = {name: [] for name in names}
        for after in walk.states:
            for name, state in zip(names, after, strict=True):
                gradient = next(gradients)
                norm = state.new_zeros(len(state)) if gradient is None else gradient.double().norm(dim=1)
                squares[name].append(norm.double().square())
        stacked = {name: torch.stack(rows) for name, rows in squares.items()}
        if len(stacked) > 1:
            stacked["all"] = torch.stack(list(stacked.values())).sum(0)
        else:
            stacked = {**stacked, "all": next(iter(stacked.values()))}
        norms = {n: finite_norm(s).masked_fill(~walk.running, torch.nan) for n, s in stacked.items()}
        norms = {name: norm.cpu() for name, norm in norms.items()}
        flows.append(LayerFlow(walk.name, walk.title, walk.steps, walk.lags.cpu(), norms))
    return flows


def joined(flows: Sequence[LayerFlow]) -> LayerFlow:
    """The flow of one layer over several batches: their sequences side by side, at the steps of any."""
    first, *others = flows
    if not others:
        return first
    steps = sorted({step for flow in flows for step in flow.steps})

    def together(tables: Sequence[Tensor], fill: float) -> Tensor:
        wide = []
        for flow, table in zip(flows, tables, strict=True):
            rows = table.new_full((len(steps), table.shape[1]), fill)
            rows[[steps.index(step) for step in flow.steps]] = table
            wide.append(rows)
        return torch.cat(wide, 1)

    norms = {name: together([flow.norms[name] for flow in flows], torch.nan) for name in first.norms}
    return LayerFlow(first.name, first.title, steps, together([flow.lags for flow in flows], -1), norms)


def finite_norm(squares: Tensor) -> Tensor:
    """Roots of squared norms, with the largest number of float32 for what is not finite."""
    most = torch.finfo(torch.float32).max
    return squares.sqrt().nan_to_num(nan=most, posinf=most).clamp(max=most)


def profile(places: list[int], values: Tensor) -> Profile:
    """Quantiles of values (P, B) over the sequences; NaN stands for a sequence that has no such place."""
    here = ~values.isnan()
    kept = [row for row in range(len(places)) if here[row].any()]
    found = [torch.nanquantile(values[kept], q, dim=1).tolist() if kept else [] for q in QUANTILES.values()]
    return Profile([places[row] for row in kept], *found, count=here[kept].sum(1).tolist())


def profile_by_lag(lags: Tensor, values: Tensor) -> Profile:
    """`profile` of values (M, B) over their lags (M, B), as far as `FEWEST` of the sequences go."""
    here = ~values.isnan()
    if not here.any():
        return Profile([], [], [], [], [])
    table = values.new_full((int(lags[here].max()) + 1, values.shape[1]), torch.nan)
    columns = torch.arange(values.shape[1]).expand_as(lags)
    table[lags[here], columns[here]] = values[here]
    sequences = int(here.any(0).sum())
    far = [lag for lag, row in enumerate(table) if int((~row.isnan()).sum()) >= FEWEST * sequences]
    return profile(far, table[far])


def reach(back: Profile, least: float) -> int:
    """Places of a profile by lag up to the last whose median is `least` or more."""
    kept = [
        place
        for place, median in zip(back.places, back.median, strict=True)
        if median >= least and median > 0
    ]
    return max(kept) + 1 if kept else 0
