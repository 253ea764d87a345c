"""Conformal intervals: the rank, the promise on exchangeable values, groups and paths."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from elman.tasks.forecasting.conformal import LEAST, PACE, Calibration, Intervals, conformal_quantile


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (7, 0.9), (63, 0.8), (100, 0.95)])
def test_the_rank(count: int, share: float) -> None:
    scores = torch.randn(count, 3)
    scores[: count // 3, 1] = torch.nan
    got = conformal_quantile(scores, torch.tensor([share]))[0]
    for step in range(3):
        known = sorted(v for v in scores[:, step].tolist() if not math.isnan(v))
        rank = min(len(known), math.ceil((len(known) + 1) * share))
        assert got[step].item() == known[rank - 1]
    assert conformal_quantile(torch.full((3, 1), torch.nan), torch.tensor([share])).isnan().all()


def calibrated(
    errors: torch.Tensor, levels: tuple[int, ...], series: torch.Tensor | None = None
) -> Calibration:
    """A calibration that has seen these errors (W, H, 1) of points."""
    groups = 0 if series is None else int(series.max())
    calibration = Calibration(levels, groups, errors.shape[1], 1)
    assert not calibration.ready
    scores = errors.abs()[..., None].expand(-1, -1, -1, len(levels))
    belongs = torch.zeros(len(errors), dtype=torch.long) if series is None else series
    calibration.fill(scores, errors, torch.ones_like(errors, dtype=torch.bool), belongs)
    assert calibration.ready
    return calibration


def issued(
    calibration: Calibration, truth: np.ndarray, *, adaptive: bool, keys: list[tuple[int, int]] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals around the point 0 from origins 0, 1 …, (W, H, 1, V)."""
    count, levels = len(truth), len(calibration.levels)
    zero = np.zeros((*truth.shape, levels), dtype=np.float32)
    return Intervals(calibration, adaptive=adaptive).issue(
        keys or [(0, 0)] * count,
        np.zeros(count, np.int64),
        np.arange(count),
        (zero, zero),
        truth,
        truth == truth,
    )


@pytest.mark.parametrize("share", [80, 90])
def test_what_is_promised_holds_for_exchangeable_values(share: int) -> None:
    """The mean over many calibrations of the true coverage is at least the level, and hardly more."""
    steps, calibrations, count, covered = 2, 100, 99, 0.0
    for _ in range(calibrations):
        errors = torch.distributions.StudentT(3.0).sample((count + 200, steps, 1)) * torch.tensor(
            [[1.0], [5.0]]
        )
        low, high = issued(
            calibrated(errors[:count], (share,)), (new := errors[count:].numpy()), adaptive=False
        )
        covered += float(((low[..., 0] <= new) & (new <= high[..., 0])).mean()) / calibrations
    assert share / 100 - 0.01 < covered < share / 100 + 0.025


def test_series_have_their_own_where_they_are_many_enough() -> None:
    sizes = torch.cat([torch.full((LEAST,), 1.0), torch.full((LEAST - 1,), 10.0)])
    errors = (torch.rand(len(sizes)) * sizes)[:, None, None]
    series = torch.cat([torch.full((LEAST,), 1), torch.full((LEAST - 1,), 2)])
    calibration = calibrated(errors, (90,), series)
    widths = calibration.scores[:, 0, 90, 0, 0]
    assert widths[1] < 1.0 < widths[0]
    assert widths[2] == widths[0] == conformal_quantile(errors[..., 0], torch.tensor([0.9]))[0]
    assert set(calibration.errors.flatten().tolist()) <= set(errors.flatten().tolist())


def test_intervals_never_turn_inside_out() -> None:
    calibration = Calibration((50,), 0, 1, 1)
    errors = torch.full((5, 1, 1), -3.0)  # every value lies 3 inside
    calibration.fill(
        errors[..., None], errors, torch.ones_like(errors, dtype=torch.bool), torch.zeros(5).long()
    )
    own = np.array([[[[0.0]]], [[[-10.0]]]]), np.array([[[[2.0]]], [[[10.0]]]])
    nothing = np.zeros((2, 1, 1))
    low, high = Intervals(calibration, adaptive=False).issue(
        [(0, 0), (1, 0)], np.zeros(2, np.int64), np.zeros(2, np.int64), own, nothing, nothing == 0
    )
    assert low.flatten().tolist() == [1.0, -7.0]
    assert high.flatten().tolist() == [1.0, 7.0]


@pytest.mark.parametrize("growth", [0.4, 3.0])
def test_adaptive_levels_follow_a_series_that_changes(growth: float) -> None:
    """Errors suddenly grow or shrink: the split intervals go wrong, the adaptive ones come back."""
    random = np.random.default_rng(4)
    steps, count = 3, 4000
    calibration = calibrated(torch.from_numpy(random.normal(size=(500, steps, 1))).float(), (80, 90))
    values = random.normal(size=count + steps) * growth
    truth = np.stack([values[k : k + steps] for k in range(count)])[..., None]
    covered = {}
    for adaptive in (False, True):
        low, high = issued(calibration, truth, adaptive=adaptive)
        inside = (low <= truth[..., None]) & (truth[..., None] <= high)
        covered[adaptive] = inside[count // 2 :].mean((0, 2))  # (H, V)
    wanted = np.array([0.8, 0.9])
    if growth < 1:
        assert (np.abs(covered[True] - wanted) < 0.02).all()
        assert (covered[False] > wanted + 0.05).all()
    else:  # no score is large enough: the widest there is
        assert (covered[True] > covered[False] + 0.1).all()


def test_adaptive_levels_against_a_loop() -> None:
    """Equation 2 of Gibbs & Candès, step by step, knowing at each origin only what has come in before it."""
    random = np.random.default_rng(6)
    steps, count, level = 3, 60, 0.8
    calibration = calibrated(torch.from_numpy(random.normal(size=(150, steps, 1))).float(), (80,))
    values = random.normal(size=count + steps)
    truth = np.stack([values[k : k + steps] for k in range(count)])[..., None]
    truth[7, 1] = np.nan  # not known, so it does not count
    low, high = issued(calibration, truth, adaptive=True)
    grid = calibration.scores[0, 0, :, :, 0].numpy()
    for h in range(steps):
        alpha = 1 - level
        for origin in range(count):
            came_in = origin - 1 - h
            if came_in >= 0 and not np.isnan(truth[came_in, h, 0]):
                missed = not low[came_in, h, 0, 0] <= truth[came_in, h, 0] <= high[came_in, h, 0, 0]
                alpha += PACE * ((1 - level) - missed)
            width = np.interp((1 - alpha) * 100, np.arange(101), grid[:, h])
            assert high[origin, h, 0, 0] == pytest.approx(width, rel=1e-4)
            assert low[origin, h, 0, 0] == pytest.approx(-width, rel=1e-4)
