"""Beijing's PM2.5: the next 24 hours, with the weather of those hours known and without.

The first 70 % of the hours are for training, 10 % for validation, 20 % for the test. The weather ahead is
what was measured later, so this is the gain from a perfect weather forecast. Hours without a measurement are
not scored.
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

WEATHER = "DEWP,TEMP,PRES,cbwd,Iws,Is,Ir"
SPLIT = "30677/4382/8765"
COMMAND = (
    "elman train forecast --data beijing_pm25.csv.gz --target pm2.5 --horizon 24 --lookback 168 "
    f"--hidden 64 --epochs 4 --calendar --split {SPLIT}"
)


def run(known: str | None, seed: int) -> dict[str, Any]:
    """What result.json says of a run, with the calendar in either case."""
    data = Path(os.environ["ELMAN_DATA"]) / "timeseries" / "beijing_pm25.csv.gz"
    with TemporaryDirectory() as folder:
        options = ForecastOptions(
            data=str(data), target="pm2.5", known=known, horizon=24, lookback=168, split=SPLIT, calendar=True,
            hidden_size=64, epochs=4, seed=seed, out=f"{folder}/run",
        )  # fmt: skip
        train("forecast", options, Console())
        return json.loads((Path(folder) / "run" / "result.json").read_text())


def main() -> None:
    given = arguments(__doc__ or "", seed=0)
    without, informed = run(None, given.seed), run(WEATHER, given.seed)
    mae = {
        name: result["test"]["more"]["mae_original"] for name, result in (("no", without), ("yes", informed))
    }
    naive = informed["baselines"]["seasonal naive"]["more"]["mae_original"]
    report(
        "beijing-air",
        f"{COMMAND} --known {WEATHER}",
        [
            Figure(
                "MAE in µg/m³, below the same without the weather",
                mae["yes"],
                mae["no"],
                lower=True,
                digits=2,
            ),
            Figure(
                "MAE in µg/m³, below the seasonal naive forecast", mae["yes"], naive, lower=True, digits=2
            ),
        ],
        seed=given.seed,
        seconds={"with": informed["seconds"], "without": without["seconds"]},
        options=informed["settings"],
        validation={
            name: result["valid"]["more"]["mae_original"]
            for name, result in (("with", informed), ("without", without))
        },
        coverage=informed["test"]["coverage_90"],
    )


if __name__ == "__main__":
    main()
