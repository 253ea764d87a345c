"""The training loop, for every task: forward, backward, clip, update; validate; keep the best; stop and go
on.

Lightning Fabric brings devices, precision, the backward pass and clipping. Order and learning rate are
functions of the position, so weights, the optimizer's memory and the random states are all that a stopped
run needs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from elman.errors import RunError
from elman.train.averaging import Average, triggered
from elman.train.device import fabric_for
from elman.train.display import Display
from elman.train.fetching import Fetching
from elman.train.flow_log import FlowLog
from elman.train.learner import Learner, Step
from elman.train.optimizers import LEARNING_RATES, create_optimizer
from elman.train.options import TrainOptions
from elman.train.schedules import factor
from elman.train.state import Position, Progress, collect, load_weights, restore, under

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # slow to import, and only training needs it


class Store(Protocol):
    """Where a run is kept; a run folder is one."""

    where: str

    def save_last(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Keep the state from which the run can go on."""

    def save_best(self, weights: Mapping[str, Tensor], epoch: int) -> None:
        """Keep the weights of the best epoch."""

    def save_history(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Keep the records of the epochs."""

    def save_flow(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Keep the measurements of the gradient over time."""

    def load_flow(self) -> list[dict[str, Any]]:
        """Those that were kept."""
        ...

    def load_last(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The kept state to go on from; None to begin anew."""
        ...

    def load_best(self) -> dict[str, Tensor]:
        """The kept weights of the best epoch."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a training ended: "finished", "stopped early" or "interrupted"; a record for each epoch, and for
    each measurement of the gradient's flow."""

    ending: str
    history: list[dict[str, Any]]
    best_epoch: int
    flow: list[dict[str, Any]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Of training and validation, over all stops."""
        return sum(record["seconds"] for record in self.history)


def fit(
    learner: Learner,
    options: TrainOptions,
    *,
    store: Store | None = None,
    display: Display | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train `learner.module`; it ends with the weights of the best epoch.

    options: with epochs and learning rate chosen.
    stop: asked after every batch; once it says True, the state is kept and the training ends.

    Raises `RunError` if the loss or its gradient is not finite; what the store holds is then still good.
    """
    training = _Training(learner, options, store, display or Display(), stop)
    try:
        return training.run()
    finally:
        training.display.stop()
        training.fetching.close()


class _Training:
    def __init__(
        self,
        learner: Learner,
        options: TrainOptions,
        store: Store | None,
        display: Display,
        stop: Callable[[], bool],
    ) -> None:
        assert options.epochs is not None
        self.learner, self.options, self.store, self.display, self.stop = (
            learner,
            options,
            store,
            display,
            stop,
        )
        self.epochs = options.epochs
        self.rate = options.learning_rate or LEARNING_RATES[options.optimizer]
        self.fabric: Fabric = fabric_for(options.device, options.precision)
        self.optimizer = create_optimizer(
            options.optimizer,
            learner.module.parameters(),
            lr=self.rate,
            weight_decay=options.weight_decay,
            fused=options.precision != "16" and self.fabric.device.type in ("cpu", "cuda"),
        )
        self.module, self.fabric_optimizer = self.fabric.setup(learner.module, self.optimizer)
        learner.to(self.fabric.device)
        self.fetching = Fetching(learner)
        self.average = Average(learner.module)
        self.progress = Progress()
        self.flow = None if options.flow is None else FlowLog(learner, options.flow)
        self.best: dict[str, Tensor] | None = None
        self.gradient_norm = math.nan

    def run(self) -> Outcome:
        torch.manual_seed(self.options.seed)
        self._go_on()
        batches = self.fetching.batches(1)
        steps, done = self.epochs * len(batches), self.progress.position.step
        self.display.start(self.epochs, steps, done, self.learner.unit)
        ending = "finished"
        while self.progress.position.epoch <= self.epochs and not self._out_of_time():
            if self._out_of_patience():
                ending = "stopped early"
                break
            if not self._epoch():
                ending = "interrupted"
                break
            if self.stop():
                ending = "interrupted" if self.progress.position.epoch <= self.epochs else ending
                break
        if self.best is not None:
            load_weights(self.learner.module, self.best)
            if ending != "interrupted":
                self._finish()
        flow = [] if self.flow is None else self.flow.records
        return Outcome(ending, self.progress.history, self.progress.best_epoch, flow)

    def _go_on(self) -> None:
        """Take up the kept state if there is one, else keep the first."""
        kept = self.store.load_last() if self.store else None
        if kept is None:
            self._prepare(1)
            self._keep()
            return
        assert self.store is not None
        tensors, about = kept
        restore(self.learner.module, self.optimizer, tensors, about["optimizer"])
        self.learner.carry(under(tensors, "carried"))
        self.average.take(under(tensors, "average"))
        self.progress = Progress.from_plain(about["progress"])
        position = self.progress.position
        self._prepare(position.epoch, position.batch)
        if self.flow is not None:
            self.flow.go_on(self.store.load_flow(), self.progress.position.step)
        if self.progress.best_epoch:
            self.best = self.store.load_best()

    def _prepare(self, epoch: int, batch: int = 0) -> None:
        """Begin to fetch a batch, if training comes to it."""
        if epoch <= self.epochs:
            self.fetching.prepare(epoch, batch)

    def _keep(self) -> None:
        if self.store is None:
            return
        if self.flow is not None:
            self.store.save_flow(self.flow.records)
        tensors, memory = collect(self.learner.module, self.optimizer)
        tensors |= {f"carried/{name}": tensor for name, tensor in self.learner.carried().items()}
        tensors |= {f"average/{name}": tensor for name, tensor in self.average.kept().items()}
        self.store.save_last(tensors, {"progress": self.progress.plain(), "optimizer": memory})

    def _epoch(self) -> bool:
        """The rest of the epoch under way; False if asked to stop before its end."""
        position = self.progress.position
        batches = self.fetching.batches(position.epoch)
        began, before = time.perf_counter(), position.seconds
        self.module.train()
        if position.batch == 0:
            self.learner.carry({})
        for batch, waited in self.fetching.epoch(position.epoch, position.batch):
            self._step(batch, len(batches))
            position.waiting += waited
            position.seconds = before + time.perf_counter() - began
            if self.stop() and position.batch < len(batches):
                self._keep_unfinished()
                return False
            if self._out_of_time():
                break
        trained = position.seconds
        self._prepare(position.epoch + 1)
        self.module.eval()
        with torch.no_grad(), self.average.applied():
            valid = self.learner.validate(self.module)
            position.seconds = before + time.perf_counter() - began
            self._finish_epoch(valid, self.learner.padding(batches), trained)
        self._begin_average()
        self._keep()
        self.display.epoch(self.progress.history[-1])
        return True

    def _done(self, batches: int) -> float:
        """Share of the training that is done, 0 to 1: of its steps or, where that is more, of its time."""
        position, limit = self.progress.position, self.options.max_seconds
        done = (position.epoch - 1 + position.batch / batches) / self.epochs
        return done if limit is None else min(max(done, self._seconds() / limit), 1.0)

    def _seconds(self) -> float:
        return sum(record["seconds"] for record in self.progress.history) + self.progress.position.seconds

    def _out_of_time(self) -> bool:
        return self.options.max_seconds is not None and self._seconds() >= self.options.max_seconds

    def _step(self, batch: Any, batches: int) -> None:
        position = self.progress.position
        done, ranks = self._done(batches), self.progress.ranks
        rate = self.rate * factor(self.options.schedule, done, warmup=self.options.warmup, ranks=ranks)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if self.flow is not None:
            mixed = self.options.precision in ("bf16", "16")  # Fabric's module takes no gradient but its own
            with self.fabric.autocast():
                module = self.learner.module if mixed else self.module
                steps = self.epochs * batches
                self.flow.before(module, batch, position.step, position.epoch, self._seconds(), steps)
        step = self.learner.step(self.module, batch)
        self.learner.module.zero_grad()
        self.fabric.backward(step.loss)
        norm = self._clipped_norm() if self._scaled else self._norm()
        loss = step.loss if step.figure is None else step.figure
        values = torch.stack([loss.detach(), norm, *step.sums.values()]).tolist()
        self._check_finite(values[0], values[1], batches)
        if 0.0 < self.options.clip < values[1] and not self._scaled:
            nn.utils.clip_grads_with_norm_(self.learner.module.parameters(), self.options.clip, norm)
        self.fabric_optimizer.step()
        if self.average.begun or done >= 1.0 - self.options.average:
            self.average.add()
        self.gradient_norm = values[1]
        position.batch += 1
        position.step += 1
        self._count(step, values)

    def _begin_average(self) -> None:
        """After an epoch: average from here on if validation says so."""
        after = self.options.average_after
        if after is None or self.average.begun or not triggered(self.progress.ranks, after):
            return
        self.average.add()
        self.display.note(f"weights are averaged from the end of epoch {len(self.progress.ranks)} on")

    @property
    def _scaled(self) -> bool:
        """Whether gradients come scaled, as 16-bit ones do; Fabric's clipping knows by how much."""
        return self.options.precision == "16" and self.options.clip > 0.0

    def _clipped_norm(self) -> Tensor:
        norm = self.fabric.clip_gradients(
            self.module, self.fabric_optimizer, max_norm=self.options.clip, error_if_nonfinite=False
        )
        assert norm is not None
        return norm.detach()

    def _norm(self) -> Tensor:
        """Of all gradients; they are clipped only where it is too large, which Fabric would not ask first."""
        gradients = [p.grad for p in self.learner.module.parameters() if p.grad is not None]
        return nn.utils.get_total_norm(gradients)

    def _check_finite(self, loss: float, norm: float, batches: int) -> None:
        """Stop before an update that would spoil the weights."""
        # with 16-bit gradients an infinite norm is normal: the scaler skips that update
        if math.isfinite(loss) and (math.isfinite(norm) or self.options.precision == "16"):
            return
        position = self.progress.position
        what = f"the loss became {loss}" if not math.isfinite(loss) else "the gradient became infinite"
        before = f"{self.gradient_norm:.3g}" if position.step else "none yet"
        kept = ""
        if self.store is not None:
            done = position.epoch - 1
            kept = f" The weights after epoch {done} are kept in {self.store.where}." if done else ""
            kept += (
                f" To go on from there: --out {self.store.where} --resume --learning-rate {self.rate / 10:g}."
            )
        raise RunError(
            f"{what} at step {position.step + 1} (epoch {position.epoch}, batch {position.batch + 1} of "
            f"{batches}); gradient norm {norm:.3g}, one step before {before}. Try a smaller learning rate "
            f"(now {self.rate:g}), clip=1 (now {self.options.clip:g}), "
            f"or look for extreme values in the data.{kept}"
        )

    def _count(self, step: Step, values: list[float]) -> None:
        totals = self.progress.position.totals
        named = {"loss": values[0] * step.count, "gradient_norm": values[1] * step.count}
        named |= dict(zip(step.sums, values[2:], strict=True))
        named |= {"count": step.count, "sequences": step.sequences}
        for name, value in named.items():
            totals[name] = totals.get(name, 0.0) + value
        position = self.progress.position
        self.display.step(position.epoch, position.step, _means(totals), step.sequences)

    def _finish_epoch(self, valid: dict[str, float], padding: float, trained: float) -> None:
        position, progress = self.progress.position, self.progress
        train = _means(position.totals)
        progress.ranks.append(self.learner.rank(train, valid))
        best = progress.best_epoch == position.epoch
        record: dict[str, Any] = {"epoch": position.epoch, "step": position.step}
        record |= {f"train_{name}": value for name, value in train.items() if name != "gradient_norm"}
        record |= {f"valid_{name}": value for name, value in valid.items()}
        record |= {
            "gradient_norm": train["gradient_norm"],
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "padding": padding,
            "waiting": position.waiting / max(trained, 1e-9),
            "seconds": position.seconds,
            "sequences_per_second": position.totals["sequences"] / max(trained, 1e-9),
            "rank": progress.ranks[-1][0],
            "best": best,
        }
        if self.options.average or self.options.average_after is not None:
            record["averaged"] = self.average.begun  # whether the figures are those of averaged weights
        progress.history.append(record)
        progress.position = Position(epoch=position.epoch + 1, step=position.step)
        if best:
            weights = self.learner.module.state_dict()
            self.best = {name: tensor.detach().clone() for name, tensor in weights.items()}
            if self.store is not None:
                self.store.save_best(self.best, position.epoch)
        if self.store is not None:
            self.store.save_history(progress.history)

    def _finish(self) -> None:
        """What the learner has left to learn once the weights are those of the best epoch."""
        self.learner.module.eval()
        with torch.no_grad():
            changed = self.learner.finish(self.module)
        if changed and self.store is not None:
            self.store.save_best(self.learner.module.state_dict(), self.progress.best_epoch)

    def _keep_unfinished(self) -> None:
        """Keep the position; if no epoch is finished, these weights are also the best there are."""
        if self.best is None and self.store is not None:
            self.store.save_best(self.learner.module.state_dict(), 0)
        self._keep()

    def _out_of_patience(self) -> bool:
        patience = self.options.patience
        return patience is not None and self.progress.idle_epochs >= patience


def _means(totals: Mapping[str, float]) -> dict[str, float]:
    count = totals["count"]
    return {name: value / count for name, value in totals.items() if name not in ("count", "sequences")}
