"""Conformal intervals: forecasts of the validation part say how wide an interval must be to cover.

Split conformal prediction (Vovk et al. 2005), for every step of the horizon apart (Stankevičiūtė et al. 2021,
Conformal time-series forecasting). The score of a value is how far it lies outside the model's own interval,
negative inside (Romano et al. 2019, arXiv:1905.03222); for a point, whose interval is itself, the absolute
error.

The promise holds for values that are exchangeable with those of the validation part; where the series
changes, the true coverage drifts from it.

Dimensions: W windows, H steps ahead, C targets, V levels, G groups (0: all series; then each series by
itself).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

LEAST = 100  # windows for which a series has its own scores; with fewer it takes those of all
PATHS = 200  # paths of errors that are kept, to draw sample paths from


class Calibration(nn.Module):
    """What was seen on the validation part; part of the model, empty (NaN) until `fill`.

    widen: (G, V, H, C) by how much each interval grows at either end. errors: (PATHS, H, C) whole paths of
    errors, in units of the forecast's spread.
    """

    widen: Tensor
    errors: Tensor

    def __init__(self, levels: Sequence[int], series: int, horizon: int, targets: int) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.register_buffer("widen", torch.full((series + 1, len(levels), horizon, targets), torch.nan))
        self.register_buffer("errors", torch.full((PATHS, horizon, targets), torch.nan))

    @property
    def ready(self) -> bool:
        return not bool(torch.isnan(self.widen).all())

    def fill(
        self, scores: Tensor, errors: Tensor, observed: Tensor, series: Tensor, *, conformal: bool
    ) -> None:
        """Take up the validation part.

        scores: (W, H, C, V), how far each true value lies outside. errors: (W, H, C), by the spread.
        observed: (W, H, C). series: (W,) int64. conformal: False leaves the model's own intervals.
        """
        scores = scores.masked_fill(~observed[..., None], torch.nan)
        self.widen.zero_()
        if conformal:
            for group in range(len(self.widen)):
                mine = scores if group == 0 else scores[series == group]
                if group and len(mine) < LEAST:
                    self.widen[group] = self.widen[0]
                    continue
                for place, level in enumerate(self.levels):
                    self.widen[group, place] = conformal_quantile(mine[..., place], level / 100).nan_to_num(
                        0.0
                    )
        whole = errors[observed.all((1, 2))] if observed.all((1, 2)).any() else errors * observed
        chosen = torch.linspace(0, len(whole) - 1, PATHS).round().long()
        self.errors.copy_(whole[chosen])

    def widened(self, low: Tensor, high: Tensor, series: Tensor) -> tuple[Tensor, Tensor]:
        """The intervals (B, H, C, V) grown; where they would turn inside out, both ends meet in the
        middle.
        """
        if not self.ready:
            return low, high
        grow = self.widen[series].permute(0, 2, 3, 1)
        low, high = low - grow, high + grow
        middle = (low + high) / 2
        return torch.minimum(low, middle), torch.maximum(high, middle)


def conformal_quantile(scores: Tensor, share: float) -> Tensor:
    """(W, …) scores, NaN where there is none, to the (…) score of rank ⌈(n + 1) · share⌉ of each n.

    Where n is too small for that rank, the largest score, which covers n / (n + 1) only.
    """
    count = (~torch.isnan(scores)).sum(0)
    rank = torch.ceil((count + 1) * share).long().clamp(min=1)
    rank = torch.minimum(rank, count.clamp(min=1))
    ordered = scores.nan_to_num(torch.inf).sort(0).values
    found = ordered.gather(0, rank[None] - 1)[0]
    return torch.where(count > 0, found, torch.nan)
