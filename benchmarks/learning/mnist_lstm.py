"""MNIST by rows with an LSTM of 128 units, 10 epochs."""

from __future__ import annotations

from benchmarks.learning.classified import mean, seeded
from benchmarks.learning.evidence import Figure, arguments, report


def main() -> None:
    """Train and report; --extra adds options to the command, such as "--epochs 1"."""
    given = arguments(__doc__ or "", seeds=1, extra="")
    command = "--data mnist --cell lstm --hidden 128 --epochs 10"
    command += " --validation-share 0 --batch-size 128 --learning-rate 0.006 --precision bf16"
    command += f" {given.extra}".rstrip()
    runs = seeded(command, given.seeds)
    rule, beside = runs[0].best_baseline
    figures = [
        Figure(
            "test accuracy, %",
            100 * mean([run.accuracy for run in runs]),
            99.1,
            source="plain PyTorch 99.1 % in 70 to 122 s",
            digits=2,
        ),
        Figure("seconds a training", mean([run.seconds for run in runs]), 60, lower=True, digits=1),
    ]
    report(
        "mnist_lstm",
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
