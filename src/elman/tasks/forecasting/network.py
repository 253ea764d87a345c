"""The forecasting network: a recurrent encoder of the past, and three ways to the steps ahead.

Dimensions: B windows, L steps back, H steps ahead, C targets that are forecast together, K covariates known
ahead, A covariates of the past, P raw numbers of the output, D hidden features, w steps of a segment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.cells import Cell
from elman.nn import Recurrent
from elman.tasks.forecasting.conformal import Calibration
from elman.tasks.forecasting.outputs import Output
from elman.tasks.network import recurrent_layers
from elman.tasks.truncated import truncated

DECODERS = ("direct", "recursive", "segments")
NORMALIZATIONS = ("last", "window", "mean", "series")


class Batch(NamedTuple):
    """Windows as tensors.

    history: (B, L, C) targets, scaled. past: (B, L, A). known: (B, L + H, K). series: (B,) int64, which
    series (and target) it is, 0 where it was not in the training. truth, observed: (B, H, C), what came and
    whether it is known.
    """

    history: Tensor
    past: Tensor
    known: Tensor
    series: Tensor
    truth: Tensor
    observed: Tensor


@dataclass(frozen=True)
class Sizes:
    """The dimensions of a network.

    series: how many have an embedding of their own, 0 for none. groups: how many are calibrated for
    themselves.
    """

    lookback: int
    horizon: int
    targets: int
    known: int
    past: int
    series: int
    groups: int
    segment: int
    hidden: int


def window_level(history: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """(level, size) of each window, (B, 1, C): what its steps are shifted and divided by.

    last: the last value and 1 (as in SegRNN, arXiv:2308.11200). window: mean and deviation (Kim et al. 2022,
    RevIN). mean: 0 and 1 + the mean of the absolute values (DeepAR, arXiv:1704.04110). series: 0 and 1, so
    that only the scale of the whole series counts.
    """
    if kind == "last":
        return history[:, -1:], torch.ones_like(history[:, -1:])
    if kind == "window":
        deviation, mean = torch.std_mean(history, 1, correction=0, keepdim=True)
        return mean, deviation + 1e-2
    if kind == "mean":
        return torch.zeros_like(history[:, :1]), 1.0 + history.abs().mean(1, keepdim=True)
    return torch.zeros_like(history[:, :1]), torch.ones_like(history[:, :1])


class ForecastNetwork(nn.Module):
    """A `Batch` to raw numbers (B, H, C, P) with level and size (B, 1, C) of each window."""

    def __init__(self, sizes: Sizes, output: Output, cell: Cell, options: Any) -> None:
        super().__init__()
        self.calibration = Calibration(options.interval_levels, sizes.groups, sizes.horizon, sizes.targets)
        self.sizes, self.output, self.normalization = sizes, output, options.normalize
        self.decoder = DECODER_CLASSES[options.decoder](sizes, output, cell, options)

    def forward(self, batch: Batch, *, teach: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """teach: whether a recursive decoder reads the truth of the steps before (in training)."""
        level, size = window_level(batch.history, self.normalization)
        return self.decoder(batch, level, size, teach), level, size

    def paths(self, batch: Batch, draw: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
        """One random path (B, H, C) for each window, each step drawn given those before it."""
        level, size = window_level(batch.history, self.normalization)
        assert isinstance(self.decoder, Recursive)
        return self.decoder.run(batch, level, size, draw)[1]


class Direct(nn.Module):
    """The past step by step; all steps ahead at once from the last state."""

    def __init__(self, sizes: Sizes, output: Output, cell: Cell, options: Any) -> None:
        super().__init__()
        self.sizes, self.bptt = sizes, options.bptt
        self.body = recurrent_layers(cell, sizes.targets + sizes.past + sizes.known, options)
        self.series = _embedding(sizes)
        self.dropout = nn.Dropout(options.dropout or 0.0)
        width = 32 if sizes.known else sizes.targets * output.parameters
        self.spread = nn.Linear(_width(self.body), sizes.horizon * width)
        self.mix = nn.Linear(width + sizes.known, 64) if sizes.known else None
        self.head = nn.Linear(64, sizes.targets * output.parameters) if sizes.known else nn.Identity()

    def forward(self, batch: Batch, level: Tensor, size: Tensor, teach: bool) -> Tensor:
        x = _inputs(batch, level, size)
        _, state = _walk(self.body, x.transpose(0, 1), self.bptt)
        last = _ends(state, self.body)
        if self.series is not None:
            last = last + self.series(batch.series)
        ahead = self.spread(self.dropout(last)).unflatten(1, (self.sizes.horizon, -1))
        if self.mix is not None:
            ahead = F.relu(self.mix(torch.cat([ahead, batch.known[:, self.sizes.lookback :]], -1)))
        return self.head(ahead).unflatten(-1, (self.sizes.targets, -1))


class Recursive(nn.Module):
    """Each step is forecast from the one before, its own forecast where the truth is not there yet.

    Features of the past are read beside the values of the past; at steps ahead they are zero, and a further
    input says that they are not known there: 1 back, 0 ahead.
    """

    def __init__(self, sizes: Sizes, output: Output, cell: Cell, options: Any) -> None:
        super().__init__()
        self.sizes, self.output, self.bptt = sizes, output, options.bptt
        self.past = sizes.past + 1 if sizes.past else 0
        self.body = recurrent_layers(cell, sizes.targets + self.past + sizes.known, options)
        self.series = _embedding(sizes)
        self.dropout = nn.Dropout(options.dropout or 0.0)
        self.head = nn.Linear(_width(self.body), sizes.targets * output.parameters)

    def forward(self, batch: Batch, level: Tensor, size: Tensor, teach: bool) -> Tensor:
        if not teach:
            return self.run(batch, level, size, self.output.point)[0]
        values = (torch.cat([batch.history, batch.truth[:, :-1]], 1) - level) / size
        x = self._inputs(values, batch)
        steps, _ = _walk(self.body, x.transpose(0, 1), self.bptt and max(self.bptt, self.sizes.horizon))
        return self._raw(steps[-self.sizes.horizon :], batch.series).transpose(0, 1)

    def run(
        self, batch: Batch, level: Tensor, size: Tensor, choose: Callable[[Tensor, Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """(raw numbers (B, H, C, P), values (B, H, C)), each step read back as what `choose` makes of it."""
        x = self._inputs((batch.history - level) / size, batch).transpose(0, 1)
        nothing = x.new_zeros(x.shape[1], self.past)
        raws: list[Tensor] = []
        chosen: list[Tensor] = []
        state = None
        for ahead in range(self.sizes.horizon):
            steps, state = self.body(x, hx=state)
            raws.append(self._raw(steps[-1:], batch.series)[0])
            chosen.append(choose(raws[-1], level[:, 0], size[:, 0]))
            read = (chosen[-1] - level[:, 0]) / size[:, 0]
            following = self.sizes.lookback + ahead + 1
            known = batch.known[:, min(following, batch.known.shape[1] - 1)]
            x = torch.cat([read, nothing, known], -1)[None]
        return torch.stack(raws, 1), torch.stack(chosen, 1)

    def _inputs(self, values: Tensor, batch: Batch) -> Tensor:
        """(B, n, C + past + K): n steps of scaled values from the first step back on, what is known of the
        past at each, and what is known ahead of the step that follows."""
        steps = values.shape[1]
        parts = [values]
        if self.past:
            past = F.pad(batch.past, (0, 1), value=1.0)
            parts.append(F.pad(past, (0, 0, 0, steps - past.shape[1])))
        return torch.cat([*parts, batch.known[:, 1 : steps + 1]], -1)

    def _raw(self, steps: Tensor, series: Tensor) -> Tensor:
        if self.series is not None:
            steps = steps + self.series(series)
        return self.head(self.dropout(steps)).unflatten(-1, (self.sizes.targets, -1))


class Segments(nn.Module):
    """The past segment by segment; each segment ahead by one step from the last state, asked for by its
    place.

    SegRNN with parallel decoding, Lin et al. 2023 (arXiv:2308.11200), sections 3.2 and 3.3, with covariates
    beside the values of each segment. A series that has no embedding is asked for by the place alone.
    """

    def __init__(self, sizes: Sizes, output: Output, cell: Cell, options: Any) -> None:
        super().__init__()
        self.sizes, self.bptt = sizes, options.bptt
        self.count = -(-sizes.horizon // sizes.segment)
        self.width = sizes.hidden
        self.read = nn.Linear(sizes.segment * (sizes.targets + sizes.past + sizes.known), self.width)
        self.body = recurrent_layers(cell, self.width, options)
        half = self.width // 2 if sizes.series else 0  # of a query that says which series it is
        self.places = nn.Parameter(torch.randn(self.count, self.width - half))
        self.series = _embedding(sizes, half)
        self.ahead = nn.Linear(sizes.segment * sizes.known, self.width) if sizes.known else None
        self.dropout = nn.Dropout(options.dropout or 0.0)
        self.head = nn.Linear(_width(self.body), sizes.segment * sizes.targets * output.parameters)

    def forward(self, batch: Batch, level: Tensor, size: Tensor, teach: bool) -> Tensor:
        x = F.relu(self.read(self._cut(_inputs(batch, level, size), back=True)))  # (segments, B, D)
        _, state = _walk(self.body, x, self.bptt)
        queries = self.places[:, None].expand(-1, len(level), -1)
        if self.series is not None:
            which = self.series(batch.series).expand(self.count, -1, -1)
            queries = torch.cat([queries, which], -1)
        if self.ahead is not None:
            queries = queries + self.ahead(self._cut(batch.known[:, self.sizes.lookback :], back=False))
        asked = queries.reshape(1, -1, self.width)  # (1, segments * B, D), segments outermost
        steps, _ = self.body(asked, hx=_repeated(state, self.count))
        raw = self.head(self.dropout(steps[0])).unflatten(0, (self.count, -1))
        raw = (
            raw.unflatten(-1, (self.sizes.segment, self.sizes.targets, -1))
            .permute(1, 0, 2, 3, 4)
            .flatten(1, 2)
        )
        return raw[:, : self.sizes.horizon]

    def _cut(self, x: Tensor, *, back: bool) -> Tensor:
        """(B, steps, F) to (segments, B, w · F); what is short of a segment repeats the outermost step."""
        short = -x.shape[1] % self.sizes.segment
        if short:
            edge = (x[:, :1] if back else x[:, -1:]).expand(-1, short, -1)
            x = torch.cat([edge, x] if back else [x, edge], 1)
        return x.unflatten(1, (-1, self.sizes.segment)).flatten(2).transpose(0, 1)


DECODER_CLASSES: dict[str, type[nn.Module]] = {"direct": Direct, "recursive": Recursive, "segments": Segments}


def _inputs(batch: Batch, level: Tensor, size: Tensor) -> Tensor:
    """(B, L, C + A + K): what is known at each step back."""
    parts = [(batch.history - level) / size]
    parts += [batch.past] if batch.past.shape[-1] else []
    parts += [batch.known[:, : batch.history.shape[1]]] if batch.known.shape[-1] else []
    return torch.cat(parts, -1)


def _walk(body: Recurrent, x: Tensor, bptt: int | None) -> tuple[Tensor, Any]:
    """The layers over x (T, B, F), with a gradient through the last `bptt` steps only, None for all; the
    outputs of those before are not returned."""
    return truncated(lambda x, lengths, state: body(x, state, lengths), x, None, bptt, lambda *_: None)


def _width(body: Recurrent) -> int:
    return body.hidden_size * (1 + body.bidirectional)


def _ends(state: Any, body: Recurrent) -> Tensor:
    """The last layer's state at the end of each direction, (B, D)."""
    first = state[0] if isinstance(state, tuple) else state
    return first[-(1 + body.bidirectional) :].transpose(0, 1).flatten(1)


def _embedding(sizes: Sizes, width: int | None = None) -> nn.Embedding | None:
    """One vector for each series, 0 for those that were not in the training."""
    return nn.Embedding(sizes.series + 1, width or sizes.hidden, padding_idx=0) if sizes.series else None


def _repeated(state: Any, count: int) -> Any:
    """The state of every window `count` times, the copies outermost."""
    if isinstance(state, tuple):
        return tuple(_repeated(part, count) for part in state)
    return state.repeat(1, count, 1)
