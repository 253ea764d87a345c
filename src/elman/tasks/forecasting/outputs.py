"""What a forecast says about each step: a point, quantiles, or the parameters of a distribution.

A network gives raw numbers (…, P) beside the level `loc` and the size `scale` of its window, which broadcast
to (…); an output turns them into losses, quantiles and samples in the units of `loc`. Q levels in 0 to 1.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from scipy import special, stats
from torch import Tensor
from torch.distributions import Distribution, NegativeBinomial, Normal, StudentT
from torch.nn import functional as F

SMALLEST_SCALE = 1e-4


class Output(ABC):
    """One kind of output. parameters: P, raw numbers for each step that is forecast."""

    parameters: int = 1
    counts: ClassVar[bool] = False  # whether only whole numbers from 0 on can be said

    @abstractmethod
    def loss(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        """The loss of each step, (…)."""

    @abstractmethod
    def point(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        """The point forecast: a mean, or for points and quantiles what their loss asks for, (…)."""

    @abstractmethod
    def quantiles(self, raw: Tensor, loc: Tensor, scale: Tensor, levels: Sequence[float]) -> Tensor:
        """The quantiles at `levels`, (…, Q)."""

    @abstractmethod
    def crps(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        """The continuous ranked probability score of each step (Gneiting & Raftery 2007), (…)."""

    def spread(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        """How wide the forecast is, (…): by this, errors at different places are compared."""
        return scale.expand(raw.shape[:-1])

    def draw(self, raw: Tensor, loc: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        """One random value for each step, (…), where the output is a distribution."""
        levels = torch.rand(raw.shape[:-1], generator=generator).to(raw)
        grid = [k / 20 for k in range(1, 20)]
        known = self.quantiles(raw, loc, scale, grid)
        place = (levels * 20 - 1).clamp(0, 18)
        low = place.floor().long().clamp(max=17)[..., None]
        ends = known.gather(-1, low)[..., 0], known.gather(-1, low + 1)[..., 0]
        return torch.lerp(*ends, place - low[..., 0])


class Point(Output):
    """A number, trained by the squared error (a mean) or the absolute error (a median)."""

    def __init__(self, loss: str = "mse") -> None:
        self.kind = loss

    def loss(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        error = self.point(raw, loc, scale) - truth
        return error.abs() if self.kind == "mae" else error.square()

    def point(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        return loc + scale * raw[..., 0]

    def quantiles(self, raw: Tensor, loc: Tensor, scale: Tensor, levels: Sequence[float]) -> Tensor:
        return self.point(raw, loc, scale)[..., None].expand(*raw.shape[:-1], len(levels))

    def crps(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        return (self.point(raw, loc, scale) - truth).abs()  # that of a distribution at one point


class Quantiles(Output):
    """Quantiles at given levels, trained by the pinball loss (Koenker & Bassett 1978)."""

    def __init__(self, levels: Sequence[float]) -> None:
        self.levels = tuple(levels)
        self.parameters = len(self.levels)

    def loss(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        said = loc[..., None] + scale[..., None] * raw
        return 2.0 * pinball(said, truth[..., None], self.levels).mean(-1)

    def point(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        return self.quantiles(raw, loc, scale, (0.5,))[..., 0]

    def quantiles(self, raw: Tensor, loc: Tensor, scale: Tensor, levels: Sequence[float]) -> Tensor:
        """Between the trained levels on straight lines, beyond the outermost as those; never crossing."""
        said = loc[..., None] + scale[..., None] * raw.sort(-1).values
        picked = []
        for level in levels:
            place = float(np.interp(level, self.levels, np.arange(len(self.levels))))
            low = min(int(place), len(self.levels) - 1)
            high = min(low + 1, len(self.levels) - 1)
            picked.append(torch.lerp(said[..., low], said[..., high], place - low))
        return torch.stack(picked, -1)

    def crps(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        """Twice the mean pinball loss over the trained levels, which it is in the limit of many."""
        said = self.quantiles(raw, loc, scale, self.levels)
        return 2.0 * pinball(said, truth[..., None], self.levels).mean(-1)

    def spread(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        low, high = self.quantiles(raw, loc, scale, (0.25, 0.75)).unbind(-1)
        return (high - low).clamp(min=SMALLEST_SCALE)


class _Parametric(Output):
    """A distribution of torch."""

    @abstractmethod
    def distribution(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Distribution: ...

    def loss(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        return -self.distribution(raw, loc, scale).log_prob(truth)

    def point(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        return self.distribution(raw, loc, scale).mean

    def spread(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Tensor:
        return self.distribution(raw, loc, scale).stddev.clamp(min=SMALLEST_SCALE)


class Gaussian(_Parametric):
    """A normal distribution."""

    parameters = 2

    def distribution(self, raw: Tensor, loc: Tensor, scale: Tensor) -> Normal:
        return Normal(loc + scale * raw[..., 0], scale * (F.softplus(raw[..., 1]) + SMALLEST_SCALE))

    def quantiles(self, raw: Tensor, loc: Tensor, scale: Tensor, levels: Sequence[float]) -> Tensor:
        normal = self.distribution(raw, loc, scale)
        units = torch.tensor(special.ndtri(np.array(levels)), dtype=raw.dtype, device=raw.device)
        return normal.mean[..., None] + normal.stddev[..., None] * units

    def crps(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        normal = self.distribution(raw, loc, scale)
        z = (truth - normal.mean) / normal.stddev
        density = torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)
        return normal.stddev * (z * (2 * torch.special.ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))

    def draw(self, raw: Tensor, loc: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        normal = self.distribution(raw, loc, scale)
        return normal.mean + normal.stddev * torch.randn(raw.shape[:-1], generator=generator).to(raw)


class Student(_Parametric):
    """Student's t, with more than two degrees of freedom so that mean and variance exist."""

    parameters = 3

    def distribution(self, raw: Tensor, loc: Tensor, scale: Tensor) -> StudentT:
        freedom = 2.0 + 1e-2 + F.softplus(raw[..., 2])
        return StudentT(
            freedom, loc + scale * raw[..., 0], scale * (F.softplus(raw[..., 1]) + SMALLEST_SCALE)
        )

    def quantiles(self, raw: Tensor, loc: Tensor, scale: Tensor, levels: Sequence[float]) -> Tensor:
        student = self.distribution(raw, loc, scale)
        units = special.stdtrit(student.df.cpu().double().numpy()[..., None], np.array(levels))
        units = torch.from_numpy(units).to(raw)
        return student.loc[..., None] + student.scale[..., None] * units

    def crps(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        """The closed form of Jordan, Krüger & Lerch 2019 (J. Stat. Software 90(12), appendix A)."""
        student = self.distribution(raw, loc, scale)
        df, z = (
            student.df.double().cpu().numpy(),
            ((truth - student.loc) / student.scale).double().cpu().numpy(),
        )
        beta = special.beta(0.5, df - 0.5) / special.beta(0.5, df / 2) ** 2
        density = np.exp(stats.t.logpdf(z, df))
        score = z * (2 * special.stdtr(df, z) - 1) + 2 * density * (df + z**2) / (df - 1)
        score = score - 2 * np.sqrt(df) / (df - 1) * beta
        return student.scale * torch.from_numpy(score).to(raw)


class Counts(_Parametric):
    """A negative binomial of mean scale·m and variance mean + mean²·a, as in DeepAR (arXiv:1704.04110)."""

    parameters = 2
    counts = True

    def distribution(self, raw: Tensor, loc: Tensor, scale: Tensor) -> NegativeBinomial:
        mean = scale * F.softplus(raw[..., 0]) + SMALLEST_SCALE
        shape = F.softplus(raw[..., 1]) / scale.sqrt() + SMALLEST_SCALE
        return NegativeBinomial(1 / shape, logits=(mean * shape).log(), validate_args=False)

    def quantiles(self, raw: Tensor, loc: Tensor, scale: Tensor, levels: Sequence[float]) -> Tensor:
        binomial = self.distribution(raw, loc, scale)
        count, share = (
            value.double().cpu().numpy()[..., None] for value in (binomial.total_count, 1 - binomial.probs)
        )
        return torch.from_numpy(stats.nbinom.ppf(np.array(levels), count, share)).to(raw)

    def crps(self, raw: Tensor, loc: Tensor, scale: Tensor, truth: Tensor) -> Tensor:
        """Twice the mean pinball loss over 19 quantiles."""
        levels = [k / 20 for k in range(1, 20)]
        return 2.0 * pinball(self.quantiles(raw, loc, scale, levels), truth[..., None], levels).mean(-1)

    def draw(self, raw: Tensor, loc: Tensor, scale: Tensor, generator: torch.Generator) -> Tensor:
        binomial = self.distribution(raw, loc, scale)
        seed = int(torch.randint(2**62, (1,), generator=generator))
        count, share = (v.double().cpu().numpy() for v in (binomial.total_count, 1 - binomial.probs))
        drawn = np.random.default_rng(seed).negative_binomial(count, np.clip(share, 1e-9, 1 - 1e-9))
        return torch.from_numpy(drawn).to(raw)


def pinball(said: Tensor, truth: Tensor, levels: Sequence[float]) -> Tensor:
    """The pinball loss: said (…, Q) at `levels`, truth (…, 1), to (…, Q)."""
    level = torch.tensor(levels, dtype=said.dtype, device=said.device)
    error = truth - said
    return torch.maximum(level * error, (level - 1) * error)


OUTPUTS = ("point", "quantile", "gaussian", "student", "negative-binomial")


def create_output(name: str, *, loss: str, levels: Sequence[float]) -> Output:
    """The output of that name; `loss` is for points, `levels` for quantiles."""
    if name == "point":
        return Point(loss)
    if name == "quantile":
        return Quantiles(levels)
    return {"gaussian": Gaussian, "student": Student, "negative-binomial": Counts}[name]()
