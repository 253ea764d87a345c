"""IMDb from scratch."""

from __future__ import annotations

from benchmarks.learning.classified import mean, seeded
from benchmarks.learning.evidence import Figure, arguments, report


def main() -> None:
    """Train and report; --extra adds options to the command, such as "--epochs 1"."""
    given = arguments(__doc__ or "", seeds=1, extra="")
    command = f"--data imdb {given.extra}".rstrip()
    runs = seeded(command, given.seeds)
    rule, beside = runs[0].best_baseline
    figures = [
        Figure(
            "test accuracy, %",
            100 * mean([run.accuracy for run in runs]),
            89.8,
            source="plain biLSTM 89.4 % in 8 min, TF-IDF 90.6 %, with GloVe 86.2 %",
            digits=2,
        ),
        Figure("seconds a training", mean([run.seconds for run in runs]), 480, lower=True, digits=1),
    ]
    report(
        "imdb",
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
