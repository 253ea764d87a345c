"""The learner of forecasts: windows drawn anew for each epoch, and intervals calibrated at the end."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from elman.data import Splits
from elman.data.windows import Windows
from elman.tasks.forecasting.features import Store
from elman.tasks.forecasting.forecasts import chunks, group_of, network_of, own_intervals, placed
from elman.tasks.forecasting.network import Batch
from elman.tasks.forecasting.options import ForecastOptions
from elman.tasks.task import Model
from elman.train.learner import Learner, Step

VALIDATED = 4_000  # windows on which an epoch is validated, evenly spread
CALIBRATED = 20_000  # windows from which intervals are calibrated


class ForecastLearner(Learner):
    """The loss of the output over the steps whose truth is known; see `elman.train.learner.Learner`."""

    headline = "mse"
    ahead = True

    def __init__(self, model: Model, splits: Splits[Windows], options: ForecastOptions) -> None:
        assert options.batch_size is not None
        assert options.windows is not None
        self.module = self.network = network_of(model)
        self.store = Store(model.parts["features"], splits.train.panel)
        model.parts["store"] = self.store
        self.train, self.valid = splits.train, splits.valid
        self.options = options
        self.batch_size, self.windows = options.batch_size, options.windows

    def fingerprint(self) -> str:
        code = 0
        for tensor in (self.store.values, self.store.known, self.store.past):
            code = zlib.crc32(tensor.cpu().numpy().data, code)
        for array in (self.train.begins, self.train.stops):
            code = zlib.crc32(np.ascontiguousarray(array).data, code)
        return f"{code:08x}"

    def to(self, device: torch.device) -> None:
        self.store.to(device)

    def batches(self, epoch: int) -> Sequence[np.ndarray]:
        """`windows` of the training windows, drawn without putting back."""
        generator = np.random.default_rng([self.options.seed, epoch])
        count = len(self.train)
        drawn = (
            generator.permutation(count)
            if self.windows >= count
            else generator.choice(count, self.windows, replace=False)
        )
        return [drawn[start : start + self.batch_size] for start in range(0, len(drawn), self.batch_size)]

    def fetch(self, batch: np.ndarray) -> Batch:
        return placed(self.store.batch(self.train, batch), self.module)

    def step(self, module: nn.Module, batch: Batch) -> Step:
        output = self.network.output
        raw, level, size = module(batch, teach=True)
        known = batch.observed
        count = int(known.sum())
        losses = output.loss(raw, level, size, batch.truth).masked_fill(~known, 0.0)
        error = (output.point(raw.detach(), level, size) - batch.truth).masked_fill(~known, 0.0)
        return Step(
            losses.sum() / max(count, 1), max(count, 1), {"mse": error.square().sum()}, len(batch.truth)
        )

    def validate(self, module: nn.Module) -> dict[str, float]:
        """On at most `VALIDATED` windows; recursive networks read their own forecasts."""
        if self.valid is None:
            return {}
        output, sums, count = self.network.output, torch.zeros(3, dtype=torch.float64), 0
        for places in chunks(self.valid, self.valid.thinned(VALIDATED)):
            batch = placed(self.store.batch(self.valid, places), self.module)
            raw, level, size = module(batch)
            known = batch.observed
            error = (output.point(raw, level, size) - batch.truth).masked_fill(~known, 0.0)
            loss = output.loss(raw, level, size, batch.truth).masked_fill(~known, 0.0)
            sums += torch.stack([loss.sum(), error.square().sum(), error.abs().sum()]).double().cpu()
            count += int(known.sum())
        loss, square, absolute = (sums / max(count, 1)).tolist()
        return {"loss": loss, "mse": square, "mae": absolute}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        """By the loss; without validation data the last epoch is the best."""
        return (-valid["loss"] if valid else 0.0,)

    def finish(self, module: nn.Module) -> bool:
        """Calibrate the intervals, on the validation windows or, without any, on those of the training."""
        windows = self.valid or self.train
        output, levels = self.network.output, self.network.calibration.levels
        found: list[tuple[Tensor, ...]] = []
        for places in chunks(windows, windows.thinned(CALIBRATED)):
            batch = placed(self.store.batch(windows, places), self.module)
            raw, level, size = self.network(batch)
            low, high = own_intervals(output, raw, level, size, levels)
            truth = batch.truth[..., None]
            scores = torch.maximum(low - truth, truth - high)
            errors = (batch.truth - output.point(raw, level, size)) / output.spread(raw, level, size)
            found.append((scores, errors, batch.observed, group_of(self.network, batch.series)))
        self.network.calibration.fill(*(torch.cat(part) for part in zip(*found, strict=True)))
        return True

    def padding(self, batches: Sequence[np.ndarray]) -> float:
        """Share of the steps looked back on that lie before a series."""
        missing = total = 0
        for batch in batches:
            _, origins, _ = self.train.locate(batch)
            missing += int(np.maximum(0, self.train.lookback - origins).sum())
            total += self.train.lookback * len(batch)
        return missing / max(total, 1)
