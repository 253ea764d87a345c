"""ETTh1: the next 96 to 720 hours of seven loads and temperatures, from the 720 hours before.

12, 4 and 4 months of training, validation and test; errors on the scale of the training part, over every test
window and channel, as in the papers. The intervals are calibrated on the validation part alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from benchmarks.learning.evidence import Figure, arguments, report
from elman.tasks.forecast import ForecastOptions
from elman.tasks.jobs import train

SPLIT = "8640/2880/2880"
#: horizon -> (most MSE, most MAE if one is asked, beside it)
TARGETS = {
    96: (
        0.352,
        0.385,
        "SegRNN (arXiv:2308.11200) 0.351 / 0.392, PatchTST 0.375; plain PyTorch 0.352 / 0.384 in 1.9 min",
    ),
    192: (0.395, None, "SegRNN 0.392"),
    336: (0.425, None, "SegRNN 0.423"),
    720: (0.470, None, "SegRNN 0.466"),
}
COMMAND = f"elman train forecast --data ETTh1.csv.gz --split {SPLIT} --horizon"


def run(horizon: int, seed: int) -> dict[str, Any]:
    """What result.json says of a run with the defaults."""
    data = Path(os.environ["ELMAN_DATA"]) / "ett" / "ETTh1.csv.gz"
    with TemporaryDirectory() as folder:
        options = ForecastOptions(
            data=str(data), split=SPLIT, horizon=horizon, seed=seed, out=f"{folder}/run"
        )
        train("forecast", options, Console())
        return json.loads((Path(folder) / "run" / "result.json").read_text())


def main() -> None:
    given = arguments(__doc__ or "", horizon=96, seed=0)
    result = run(given.horizon, given.seed)
    test, naive = result["test"], result["baselines"]["seasonal naive"]
    most, most_mae, source = TARGETS[given.horizon]
    beside = f"{source}; seasonal naive {naive['mse']:.3f} / {naive['mae']:.3f}"
    figures = [Figure(f"MSE, {given.horizon} hours", test["mse"], most, lower=True, source=beside)]
    if most_mae is not None:
        figures += [
            Figure(f"MAE, {given.horizon} hours", test["mae"], most_mae, lower=True),
            Figure("seconds of training", result["seconds"], 120, lower=True, digits=1),
            Figure("coverage of 90 % intervals, at least", test["coverage_90"], 0.88),
            Figure("coverage of 90 % intervals, at most", test["coverage_90"], 0.92, lower=True),
        ]
    report(
        f"etth1-{given.horizon}",
        f"{COMMAND} {given.horizon}",
        figures,
        seed=given.seed,
        seconds=result["seconds"],
        options=result["settings"],
        validation=result["valid"]["mse"],
        mae=test["mae"],
        coverage=test["coverage_90"],
    )


if __name__ == "__main__":
    main()
