"""Speakers of spoken digits (FSDD), recordings 0 to 4 as the test."""

from __future__ import annotations

from benchmarks.learning.classified import mean, seeded
from benchmarks.learning.evidence import Figure, arguments, report


def main() -> None:
    """Train and report; --extra adds options to the command, such as "--epochs 1"."""
    given = arguments(__doc__ or "", seeds=1, extra="")
    command = f"--data fsdd_speakers {given.extra}".rstrip()
    runs = seeded(command, given.seeds)
    rule, beside = runs[0].best_baseline
    figures = [
        Figure(
            "test accuracy, %",
            100 * mean([run.accuracy for run in runs]),
            99.5,
            source="plain PyTorch 100 % in 2.5 min",
            digits=2,
        ),
        Figure("seconds a training", mean([run.seconds for run in runs]), 120, lower=True, digits=1),
    ]
    report(
        "fsdd_speakers",
        f"elman train classify {command}",
        figures,
        seeds=given.seeds,
        each=[run.accuracy for run in runs],
        valid=[run.valid for run in runs],
        settings=runs[0].settings,
        baselines=runs[0].baselines,
    )
    print(f"best simple rule: {rule}, {beside:.2%}")


if __name__ == "__main__":
    main()
