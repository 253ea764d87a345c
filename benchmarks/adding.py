"""The adding problem over 200 steps, and what `elman.inspect` sees of the gradient: a plain RNN's is lost, an
LSTM's is not, and the memory measured agrees with the one from Lyapunov exponents.

Hochreiter and Schmidhuber 1997, section 5.4: at each step a number from 0 to 1 and a mark; two steps are
marked, one in each half, and the answer is the sum of their numbers. Always saying 1 leaves a mean squared
error of 0.167.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.learning.evidence import Figure, report
from elman.cells import Cell, create
from elman.inspect import influence, signs_of, spectrum
from elman.inspect.influence import SHARE
from elman.inspect.run import inspection_of
from elman.inspect.several import look_at_several
from elman.nn import Recurrent
from elman.reporting.blocks import Note, Section
from elman.reporting.cell_section import cell_section
from elman.reporting.curves import learning_curves
from elman.reporting.page import page, write_page
from elman.reporting.run import Run
from elman.reporting.seen import inside_sections
from elman.reporting.speed import speed_section
from elman.tasks.task import Model
from elman.train.learner import Learner, Step
from elman.train.loop import fit
from elman.train.options import TrainOptions

STEPS, HIDDEN, BATCH = 200, 128, 16
HALF = 0.5  # a share of influence that an LSTM falls below within the sequence


class AddingNetwork(nn.Module):
    """A recurrent layer, and a linear one of its last output."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.recurrent = Recurrent(cell, 2, HIDDEN)
        self.output = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(T, B, 2) to (B,)."""
        return self.output(self.recurrent(x)[0][-1])[:, 0]


class AddingLearner(Learner):
    """Fresh sequences in every batch, drawn from the number of the batch."""

    headline = "loss"

    def __init__(self, cell: Cell, batches: int) -> None:
        self.module = AddingNetwork(cell)
        self.count = batches

    def to(self, device: torch.device) -> None:
        pass

    def batches(self, epoch: int) -> Sequence[int]:
        return range(epoch * self.count, (epoch + 1) * self.count)

    def fetch(self, batch: int) -> tuple[Tensor, Tensor]:
        return adding(BATCH, torch.Generator().manual_seed(batch))

    def step(self, module: nn.Module, batch: tuple[Tensor, Tensor]) -> Step:
        x, y = batch
        return Step(F.mse_loss(module(x), y), len(y), {}, len(y))

    def validate(self, module: nn.Module) -> dict[str, float]:
        x, y = adding(512, torch.Generator().manual_seed(0))  # no batch has this number
        return {"loss": F.mse_loss(module(x), y).item()}

    def rank(self, train: Mapping[str, float], valid: Mapping[str, float]) -> tuple[float, ...]:
        return (-valid["loss"],)

    def fingerprint(self) -> str:
        return "adding"


def adding(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(x (T, count, 2), sums (count,))."""
    values = torch.rand(STEPS, count, generator=generator)
    marks = torch.zeros(STEPS, count)
    half, columns = STEPS // 2, torch.arange(count)
    for start in (0, half):
        marks[start + torch.randint(half, (count,), generator=generator), columns] = 1.0
    return torch.stack([values, marks], 2), (values * marks).sum(0)


def look(name: str, cell: Cell, seconds: float, pages: Path | None) -> dict[str, Any]:
    """Train for so long, then look inside; what was found as plain values. pages: where to write a report."""
    torch.manual_seed(0)
    learner = AddingLearner(cell, batches=100)
    options = TrainOptions(
        cell=cell,  # type: ignore[arg-type]
        hidden_size=HIDDEN,
        epochs=1000,
        max_seconds=seconds,
        batch_size=BATCH,
        learning_rate=0.01,
        flow=100,
    )
    outcome = fit(learner, options)
    seen = look_at_several(learner, lambda batch: batch[0], 0, None, step=None, share=SHARE)
    signs = signs_of(seen.walks, seen.flows, seen.units, learner, vars(options), outcome.history)
    found = inspection_of(seen, signs, run=name, task="adding", data="the adding problem")
    [walk], [flow], [measured], [implied] = seen.first.walks, seen.flows, seen.influences, seen.spectra
    half = influence(walk, share=HALF), spectrum(walk, share=HALF, directions=2 * HIDDEN, sequences=2)
    flowing = sum(record["seconds"] for record in outcome.flow)
    if pages is not None:
        settings = {"cell": name, "batch_size": BATCH, "bptt": STEPS}
        model = Model(learner.module, {"options": settings}, parts={"cell": cell})
        records = {"history": outcome.history, "flow": outcome.flow, "inspection": found.plain()}
        write_page(pages / f"adding-{name}.html", page_of(Run(pages, settings, model=model, **records)))
    return {
        "cell": repr(cell),
        "validation_loss": min(record["valid_loss"] for record in outcome.history),
        "updates": outcome.history[-1]["step"],
        "lost_before_step": STEPS - flow.reach(),
        "measured_horizon": measured.horizon,
        "spectrum_horizon": implied.horizon,
        "measured_half": half[0].horizon,
        "spectrum_half": half[1].horizon,
        "largest_exponent": implied.exponents[0],
        "flow_share_of_time": flowing / outcome.seconds,
        "sequences": seen.sequences,
        "findings": [str(finding) for finding in found.findings],
    }


def page_of(run: Run) -> str:
    """The report of a network that belongs to no task."""
    loss = min(record["valid_loss"] for record in run.history)
    about = f"{HIDDEN} units. Mean squared error {loss:.4f}; always saying 1 leaves 0.1667."
    sections = [Section("overview", "What was trained on what", [Note(about)]), learning_curves(run)]
    sections += [part for part in (*inside_sections(run), speed_section(run), cell_section(run)) if part]
    title = f"{run.settings['cell']}: two numbers to be added among {STEPS} steps"
    return page(title, "python -m benchmarks.adding", sections)


def apart(measured: int, implied: int | None) -> float:
    """By which factor the two horizons differ, both cut at the length of the sequences."""
    first, second = sorted((measured, min(implied or STEPS, STEPS)))
    return second / first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=55.0, help="of training, each")
    parser.add_argument("--pages", type=Path, help="a folder to write a report of each network to")
    given = parser.parse_args()
    seconds, pages = given.seconds, given.pages
    rnn = look("rnn", create("rnn"), seconds, pages)
    slow = create("lstm", coupled=True, forget_bias=5.0)  # arXiv:1804.11188, section 2
    lstm = look("lstm", slow, seconds, pages)
    vanishing = any(said.startswith("vanishing gradient") for said in rnn["findings"])
    figures = [
        Figure("RNN: step before which the gradient is lost", rnn["lost_before_step"], 150, digits=0),
        Figure("RNN: the doctor names the vanishing gradient (1: yes)", float(vanishing), 1, digits=0),
        Figure("LSTM: mean squared error", lstm["validation_loss"], 0.01, True),
        Figure("LSTM: step before which the gradient is lost", lstm["lost_before_step"], 0, True, digits=0),
        *(
            Figure(
                f"{name}: horizons at {share} differ by a factor of", apart(*horizons), 2.0, True, digits=2
            )
            for name, share, horizons in (
                ("RNN", 0.01, (rnn["measured_horizon"], rnn["spectrum_horizon"])),
                ("LSTM", 0.01, (lstm["measured_horizon"], lstm["spectrum_horizon"])),
                ("LSTM", HALF, (lstm["measured_half"], lstm["spectrum_half"])),
            )
        ),
    ]
    report("adding", f"python -m benchmarks.adding --seconds {seconds:g}", figures, rnn=rnn, lstm=lstm)


if __name__ == "__main__":
    main()
