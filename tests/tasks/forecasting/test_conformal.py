"""Conformal intervals: the rank, the promise on exchangeable values, groups and paths."""

from __future__ import annotations

import math

import pytest
import torch

from elman.tasks.forecasting.conformal import LEAST, Calibration, conformal_quantile


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (7, 0.9), (63, 0.8), (100, 0.95)])
def test_the_rank(count: int, share: float) -> None:
    scores = torch.randn(count, 3)
    scores[: count // 3, 1] = torch.nan
    got = conformal_quantile(scores, share)
    for step in range(3):
        known = sorted(v for v in scores[:, step].tolist() if not math.isnan(v))
        rank = min(len(known), math.ceil((len(known) + 1) * share))
        assert got[step].item() == known[rank - 1]
    assert conformal_quantile(torch.full((3, 1), torch.nan), share).isnan().all()


@pytest.mark.parametrize("share", [80, 90])
def test_what_is_promised_holds_for_exchangeable_values(share: int) -> None:
    """The mean over many calibrations of the true coverage is (n + 1)-rank exact: at least the level."""
    levels, steps, calibrations, count = (share,), 2, 300, 99
    covered = 0.0
    for _ in range(calibrations):
        calibration = Calibration(levels, 0, steps, 1)
        errors = torch.distributions.StudentT(3.0).sample((count + 200, steps, 1)) * torch.tensor(
            [[1.0], [5.0]]
        )
        seen, new = errors[:count], errors[count:]
        calibration.fill(seen.abs()[..., None], seen, torch.ones_like(seen, dtype=torch.bool),
                         torch.zeros(count, dtype=torch.long), conformal=True)  # fmt: skip
        zero = torch.zeros(len(new), steps, 1, 1)
        low, high = calibration.widened(zero, zero, torch.zeros(len(new), dtype=torch.long))
        covered += ((low[..., 0] <= new) & (new <= high[..., 0])).float().mean().item() / calibrations
    assert share / 100 - 0.01 < covered < share / 100 + 0.02


def test_series_have_their_own_where_they_are_many_enough() -> None:
    calibration = Calibration((90,), 2, 1, 1)
    assert not calibration.ready
    sizes = torch.cat([torch.full((LEAST,), 1.0), torch.full((LEAST - 1,), 10.0)])
    errors = (torch.rand(len(sizes)) * sizes)[:, None, None]
    series = torch.cat([torch.full((LEAST,), 1), torch.full((LEAST - 1,), 2)])
    calibration.fill(
        errors[..., None], errors, torch.ones_like(errors, dtype=torch.bool), series, conformal=True
    )
    assert calibration.ready
    widths = calibration.widen[:, 0, 0, 0]
    assert widths[1] < 1.0 < widths[0]
    assert widths[2] == widths[0]
    assert calibration.errors.shape == (200, 1, 1)
    assert set(calibration.errors.flatten().tolist()) <= set(errors.flatten().tolist())
    calibration.fill(
        errors[..., None], errors, torch.ones_like(errors, dtype=torch.bool), series, conformal=False
    )
    assert (calibration.widen == 0).all()


def test_intervals_never_turn_inside_out() -> None:
    calibration = Calibration((50,), 0, 1, 1)
    errors = torch.full((5, 1, 1), -3.0)  # every value lies 3 inside
    calibration.fill(errors[..., None], errors, torch.ones_like(errors, dtype=torch.bool),
                     torch.zeros(5, dtype=torch.long), conformal=True)  # fmt: skip
    own = torch.tensor([[[[0.0]]], [[[-10.0]]]]), torch.tensor([[[[2.0]]], [[[10.0]]]])
    low, high = calibration.widened(*own, torch.zeros(2, dtype=torch.long))
    assert low.flatten().tolist() == [1.0, -7.0]
    assert high.flatten().tolist() == [1.0, 7.0]
