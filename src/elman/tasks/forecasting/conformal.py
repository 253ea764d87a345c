"""Conformal intervals: forecasts of the validation part say how wide an interval must be to cover.

Split conformal prediction (Vovk et al. 2005), for every step of the horizon apart (Stankevičiūtė et al. 2021,
Conformal time-series forecasting). The score of a value is how far it lies outside the model's own interval,
negative inside (Romano et al. 2019, arXiv:1905.03222); for a point, whose interval is itself, the absolute
error. The promise holds for values that are exchangeable with those of the validation part.

Where a series changes, adaptive conformal inference goes on from there (Gibbs & Candès 2021,
arXiv:2106.00263, equation 2): whenever the truth of a step comes in, the level at which the scores are read
moves by how often the intervals issued for that step have missed.

Dimensions: W windows, H steps ahead, C targets, V levels, G groups (0: all series; then each by itself).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

LEAST = 100  # windows for which a series has its own scores; with fewer it takes those of all
PATHS = 200  # paths of errors that are kept, to draw sample paths from
GRID = 101  # scores at 0, 1 … 100 percent
PACE = 0.005  # by which share of a miss the level moves: gamma of Gibbs & Candès
CONFORMAL = ("adaptive", "split", "none")


class Calibration(nn.Module):
    """What was seen on the validation part; part of the model, empty (NaN) until `fill`.

    scores: (G, V, GRID, H, C) by how much each interval must grow at either end to cover 0 to 100 percent.
    errors: (PATHS, H, C) whole paths of errors, in units of the forecast's spread.
    """

    scores: Tensor
    errors: Tensor

    def __init__(self, levels: Sequence[int], groups: int, horizon: int, targets: int) -> None:
        super().__init__()
        self.levels = tuple(levels)
        shape = groups + 1, len(levels), GRID, horizon, targets
        self.register_buffer("scores", torch.full(shape, torch.nan))
        self.register_buffer("errors", torch.full((PATHS, horizon, targets), torch.nan))

    @property
    def ready(self) -> bool:
        return not bool(torch.isnan(self.scores[0, 0, 0, 0, 0]))

    def fill(self, scores: Tensor, errors: Tensor, observed: Tensor, series: Tensor) -> None:
        """Take up the validation part.

        scores: (W, H, C, V), how far each true value lies outside. errors: (W, H, C), by the spread.
        observed: (W, H, C). series: (W,) int64, the group of each window.
        """
        scores = scores.masked_fill(~observed[..., None], torch.nan)
        shares = torch.linspace(0, 1, GRID, device=scores.device)
        for group in range(len(self.scores)):
            mine = scores if group == 0 else scores[series == group]
            if group and len(mine) < LEAST:
                self.scores[group] = self.scores[0]
                continue
            for place in range(len(self.levels)):
                self.scores[group, place] = conformal_quantile(mine[..., place], shares).nan_to_num(0.0)
        whole = errors[observed.all((1, 2))] if observed.all((1, 2)).any() else errors * observed
        chosen = torch.linspace(0, len(whole) - 1, PATHS).round().long()
        self.errors.copy_(whole[chosen])


def conformal_quantile(scores: Tensor, shares: Tensor) -> Tensor:
    """(W, …) scores, NaN where there is none, to (shares, …): of n the score of rank ⌈(n + 1) · share⌉.

    Where n is too small for that rank, the largest score, which covers n / (n + 1) only.
    """
    count = (~torch.isnan(scores)).sum(0)
    ordered = scores.nan_to_num(torch.inf).sort(0).values
    each = shares.view(-1, *(1,) * count.dim())
    rank = torch.ceil((count + 1) * each - 1e-4).long().clamp(min=1)  # of a whole number of it, that number
    rank = torch.minimum(rank, count.clamp(min=1))
    return torch.where(count > 0, ordered.gather(0, rank - 1), torch.nan)


class Intervals:
    """Intervals issued origin after origin, for one use of a model on one panel.

    adaptive: whether the levels follow the truth as it comes in; else they stay what they are called.
    """

    def __init__(self, calibration: Calibration, *, adaptive: bool) -> None:
        self.scores = calibration.scores.permute(0, 2, 3, 4, 1).cpu().numpy()  # (G, GRID, H, C, V)
        self.wanted = np.array(calibration.levels) / 100
        self.adaptive = adaptive
        self._known: dict[tuple[int, int], _Followed] = {}

    def issue(
        self,
        keys: Sequence[tuple[int, int]],
        groups: np.ndarray,
        origins: np.ndarray,
        own: tuple[np.ndarray, np.ndarray],
        truth: np.ndarray,
        observed: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high ends (W, H, C, V) from the model's `own`.

        keys: (W,) which series and channel; of each the origins (W,) come in order. groups: (W,) of the
        scores.
        truth, observed: (W, H, C); of them only what lies before an origin is used for it.
        """
        low, high = own[0].copy(), own[1].copy()
        for w, key in enumerate(keys):
            followed = self._known.setdefault(key, _Followed(self.wanted, low.shape[1:]))
            if self.adaptive:
                followed.go_to(int(origins[w]))
            grow = followed.read(self.scores[groups[w]])
            low[w] -= grow
            high[w] += grow
            middle = (low[w] + high[w]) / 2  # where an interval would turn inside out
            low[w], high[w] = np.minimum(low[w], middle), np.maximum(high[w], middle)
            if self.adaptive:
                missed = (truth[w][..., None] < low[w]) | (truth[w][..., None] > high[w])
                followed.keep(int(origins[w]), missed, observed[w])
        return low, high

    def forget(self) -> None:
        """What was followed of the series so far, of which no more intervals are wanted."""
        self._known.clear()


class _Followed:
    """The levels of one series, (H, C, V), and the misses of the intervals issued so far."""

    def __init__(self, wanted: np.ndarray, shape: tuple[int, ...]) -> None:
        self.wanted = wanted
        self.level = np.broadcast_to(wanted, shape).copy()
        steps = shape[0]
        self.origins = np.full(steps, -1, dtype=np.int64)  # of the last intervals, each in place origin % H
        self.missed = np.zeros((steps, *shape), dtype=bool)
        self.counted = np.zeros((steps, *shape[:-1]), dtype=bool)
        self.time: int | None = None

    def read(self, scores: np.ndarray) -> np.ndarray:
        """From scores (GRID, H, C, V) those at the levels, between two percents on a straight line."""
        place = np.clip(self.level, 0.0, 1.0) * (GRID - 1)
        below = np.minimum(place.astype(np.int64), GRID - 2)
        low, high = (np.take_along_axis(scores, (below + k)[None], 0)[0] for k in (0, 1))
        return low + (place - below) * (high - low)

    def keep(self, origin: int, missed: np.ndarray, counted: np.ndarray) -> None:
        """The intervals from an origin, whose truth comes in later."""
        slot = origin % len(self.origins)
        self.origins[slot], self.missed[slot], self.counted[slot] = origin, missed, counted

    def go_to(self, origin: int) -> None:
        """Take in the truth of all steps before the origin."""
        ahead = np.arange(len(self.origins))
        for step in range(origin if self.time is None else self.time, origin):
            slots = (step - ahead) % len(ahead)  # of the intervals issued for this step
            counted = self.counted[slots, ahead] & (self.origins[slots] == step - ahead)[:, None]
            moved = PACE * (self.missed[slots, ahead] - (1 - self.wanted))
            self.level += np.where(counted[..., None], moved, 0.0)
        self.time = origin
