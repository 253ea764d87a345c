"""The adding problem over 200 steps, and what `elman.inspect` sees of the gradient: a plain RNN's is lost, an
LSTM's is not, and the memory measured agrees with the one from Lyapunov exponents.

Hochreiter and Schmidhuber 1997, section 5.4: at each step a number from 0 to 1 and a mark; two steps are
marked, one in each half, and the answer is the sum of their numbers. Always saying 1 leaves a mean squared
error of 0.167.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console

import elman
from benchmarks.learning.evidence import Figure, report
from elman.inspect import influence, inspect_run, spectrum
from elman.inspect.examine import look
from elman.inspect.influence import SHARE
from elman.tasks.jobs import train
from elman.tasks.regressing.options import RegressOptions
from elman.tasks.using import open_run

STEPS, HIDDEN, BATCH = 200, 128, 16
PARTS = {"train": 32_000, "valid": 512, "test": 2_000}
HALF = 0.5  # a share of influence that an LSTM falls below within the sequence
CELLS = {"rnn": None, "lstm": "coupled=true,forget_bias=5"}  # arXiv:1804.11188, section 2


def adding(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(X (count, T, 2), sums (count,))."""
    draw = np.random.default_rng(seed)
    x = np.zeros((count, STEPS, 2), np.float32)
    x[:, :, 0] = draw.random((count, STEPS), np.float32)
    half, rows = STEPS // 2, np.arange(count)
    for start in (0, half):
        x[rows, start + draw.integers(half, size=count), 1] = 1.0
    return x, x.prod(2).sum(1)


def written(folder: Path) -> Path:
    """The data as `elman train regress --data` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (part, count) in enumerate(PARTS.items()):
        x, y = adding(count, seed)
        np.savez(folder / f"{part}.npz", X=x, y=y)
    return folder


def measured(cell: str, data: Path, run: Path, seconds: float) -> dict[str, Any]:
    """Train for so long, then look inside and write the report; what was found as plain values."""
    options = RegressOptions(
        data=str(data),
        out=str(run),
        overwrite=True,
        cell=cell,
        cell_options=CELLS[cell],
        hidden_size=HIDDEN,
        bidirectional=False,
        pooling="last",
        dropout=0.0,
        standardize=False,
        epochs=40,
        max_seconds=seconds,
        batch_size=BATCH,
        learning_rate=0.01,
        flow=100,
    )
    outcome = train("regress", options, Console())
    found = inspect_run(run, explain=0)
    task, model, options = open_run(str(run))
    splits, _ = task.read(options)
    [walk] = look(task.learner(model, splits, options)).walks
    [flow], [reached], [implied] = found.flows, found.influences, found.spectra
    half = influence(walk, share=HALF), spectrum(walk, share=HALF, directions=2 * HIDDEN, sequences=2)
    figures = task.figures(model, splits.last)
    page = elman.report(run)
    return {
        "cell": repr(model.parts["cell"]),
        "mse": figures["rmse"] ** 2,
        "updates": outcome.history[-1]["step"],
        "lost_before_step": STEPS - flow.reach(),
        "measured_horizon": reached.horizon,
        "spectrum_horizon": implied.horizon,
        "measured_half": half[0].horizon,
        "spectrum_half": half[1].horizon,
        "largest_exponent": implied.exponents[0],
        "flow_share_of_time": sum(record["seconds"] for record in outcome.flow) / outcome.seconds,
        "sequences": found.sequences,
        "findings": [str(finding) for finding in found.findings],
        "page_megabytes": page.stat().st_size / 1e6,
    }


def apart(measured: int, implied: int | None) -> float:
    """By which factor the two horizons differ, both cut at the length of the sequences."""
    first, second = sorted((measured, min(implied or STEPS, STEPS)))
    return second / first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=55.0, help="of training, each")
    parser.add_argument("--keep", type=Path, help="a folder to leave data, runs and their reports in")
    given = parser.parse_args()
    seconds = given.seconds
    with TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        data = written(folder / "data")
        rnn, lstm = (measured(cell, data, folder / f"adding-{cell}", seconds) for cell in CELLS)
    vanishing = any(said.startswith("vanishing gradient") for said in rnn["findings"])
    figures = [
        Figure("RNN: step before which the gradient is lost", rnn["lost_before_step"], 150, digits=0),
        Figure("RNN: the doctor names the vanishing gradient (1: yes)", float(vanishing), 1, digits=0),
        Figure("LSTM: mean squared error", lstm["mse"], 0.01, True),
        Figure("LSTM: step before which the gradient is lost", lstm["lost_before_step"], 0, True, digits=0),
        *(
            Figure(
                f"{name}: horizons at {share} differ by a factor of", apart(*horizons), 2.0, True, digits=2
            )
            for name, share, horizons in (
                ("RNN", SHARE, (rnn["measured_horizon"], rnn["spectrum_horizon"])),
                ("LSTM", SHARE, (lstm["measured_horizon"], lstm["spectrum_horizon"])),
                ("LSTM", HALF, (lstm["measured_half"], lstm["spectrum_half"])),
            )
        ),
    ]
    report("adding", f"python -m benchmarks.adding --seconds {seconds:g}", figures, rnn=rnn, lstm=lstm)


if __name__ == "__main__":
    main()
