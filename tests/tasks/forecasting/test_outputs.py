"""Outputs: losses, quantiles and scores against numerical integration, scipy and sampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor

from elman.tasks.forecasting.outputs import Output, Quantiles, create_output, pinball

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
NAMES = ("point", "quantile", "gaussian", "student", "negative-binomial")


def made(name: str) -> tuple[Output, Tensor, Tensor, Tensor]:
    output = create_output(name, loss="mse", levels=LEVELS)
    raw = torch.randn(5, 3, 1, output.parameters, dtype=torch.float64)
    scale = torch.rand(5, 1, 1, dtype=torch.float64) + 0.5
    loc = torch.zeros_like(scale) if output.counts else torch.randn(5, 1, 1, dtype=torch.float64)
    return output, raw, loc, scale


def frozen(output: Output, raw: Tensor, loc: Tensor, scale: Tensor, row: int) -> stats.rv_frozen:  # type: ignore
    """The distribution of one window's first step, by scipy."""
    one = output.distribution(raw, loc, scale)  # type: ignore[attr-defined]
    if output.counts:
        return stats.nbinom(float(one.total_count[row, 0, 0]), 1 - float(one.probs[row, 0, 0]))
    mean, width = float(one.loc[row, 0, 0]), float(one.scale[row, 0, 0])
    return stats.t(float(one.df[row, 0, 0]), mean, width) if hasattr(one, "df") else stats.norm(mean, width)


@pytest.mark.parametrize("name", ["gaussian", "student", "negative-binomial"])
def test_distributions_against_scipy(name: str) -> None:
    output, raw, loc, scale = made(name)
    truth = torch.full((5, 3, 1), 2.0, dtype=torch.float64)
    losses, scores = output.loss(raw, loc, scale, truth), output.crps(raw, loc, scale, truth)
    quantiles, points = output.quantiles(raw, loc, scale, LEVELS), output.point(raw, loc, scale)
    for row in range(5):
        one = frozen(output, raw, loc, scale, row)
        density = one.logpmf(2.0) if output.counts else one.logpdf(2.0)
        assert losses[row, 0, 0].item() == pytest.approx(-density)
        assert points[row, 0, 0].item() == pytest.approx(one.mean())
        np.testing.assert_allclose(quantiles[row, 0, 0], one.ppf(LEVELS), rtol=1e-6)
        if output.counts:
            continue
        low, high = min(1.0, one.ppf(1e-6)), max(3.0, one.ppf(1 - 1e-6))
        score, _ = integrate.quad(
            lambda x, d=one: (d.cdf(x) - (x >= 2.0)) ** 2, low, high, points=[2.0], limit=200
        )
        assert scores[row, 0, 0].item() == pytest.approx(score, rel=2e-3)


def test_counts_are_scored_by_quantiles() -> None:
    output, raw, loc, scale = made("negative-binomial")
    scale = scale * 30
    truth = torch.full((5, 3, 1), 20.0, dtype=torch.float64)
    got = output.crps(raw, loc, scale, truth)
    for row in range(5):
        one = frozen(output, raw, loc, scale, row)
        exact = sum((one.cdf(k) - (k >= 20)) ** 2 for k in range(4000))
        assert got[row, 0, 0].item() == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_level_and_size_move_everything(name: str) -> None:
    output, raw, loc, scale = made(name)
    if output.counts:
        return
    truth = torch.randn(5, 3, 1, dtype=torch.float64)
    for what in ("point", "spread"):
        plain, moved = (
            getattr(output, what)(raw, loc, scale),
            getattr(output, what)(raw, 3 * loc + 7, 3 * scale),
        )
        torch.testing.assert_close(moved, 3 * plain + (7 if what == "point" else 0))
    quantiles = output.quantiles(raw, loc, scale, LEVELS)
    torch.testing.assert_close(output.quantiles(raw, 3 * loc + 7, 3 * scale, LEVELS), 3 * quantiles + 7)
    torch.testing.assert_close(
        output.crps(raw, 3 * loc + 7, 3 * scale, 3 * truth + 7), 3 * output.crps(raw, loc, scale, truth)
    )


def test_quantiles_never_cross_and_lie_between() -> None:
    output, raw, loc, scale = made("quantile")
    assert isinstance(output, Quantiles)
    said = output.quantiles(raw, loc, scale, (0.01, 0.1, 0.3, 0.5, 0.9, 0.99))
    assert (said.diff(dim=-1) >= 0).all()
    learned = (loc[..., None] + scale[..., None] * raw).sort(-1).values
    torch.testing.assert_close(said[..., 0], learned[..., 0])
    torch.testing.assert_close(said[..., 2], learned[..., 1] + 0.2 * (learned[..., 2] - learned[..., 1]))
    torch.testing.assert_close(output.point(raw, loc, scale), learned[..., 2])


def test_the_pinball_loss_asks_for_the_quantile() -> None:
    truth = torch.from_numpy(np.random.default_rng(0).exponential(size=4001))
    tried = torch.linspace(0, 4, 801, dtype=torch.float64)
    losses = pinball(tried[:, None, None], truth[None, :, None], (0.8,)).mean((1, 2))
    assert tried[losses.argmin()].item() == pytest.approx(np.quantile(truth, 0.8), abs=0.01)


@pytest.mark.parametrize("name", ["gaussian", "student", "quantile", "negative-binomial"])
def test_what_is_drawn_has_the_quantiles(name: str) -> None:
    output, raw, loc, scale = made(name)
    scale = scale * (20 if output.counts else 1)
    raw, loc, scale = raw[:1], loc[:1], scale[:1]
    many = raw.expand(4000, 3, 1, -1)
    drawn = output.draw(many, loc, scale, torch.Generator().manual_seed(1))
    assert drawn.shape == (4000, 3, 1)
    for level in (0.25, 0.5, 0.75):
        quantile = output.quantiles(raw, loc, scale, (level,))[..., 0]
        assert ((drawn <= quantile + 1e-9).double().mean(0) > level - 0.03).all()
        assert ((drawn < quantile - 1e-9).double().mean(0) < level + 0.03).all()
