"""MNIST by rows with a plain RNN of 128 units and relu, 10 epochs."""

from __future__ import annotations

from benchmarks.learning.classified import mean, seeded
from benchmarks.learning.evidence import Figure, arguments, report


def main() -> None:
    """Train and report; --extra adds options to the command, such as "--epochs 1"."""
    given = arguments(__doc__ or "", seeds=1, extra="")
    command = "--data mnist --cell rnn --activation relu --hidden 128 --epochs 10"
    command += f" --validation-share 0 --batch-size 64 --learning-rate 0.003 {given.extra}".rstrip()
    runs = seeded(command, given.seeds)
    rule, beside = runs[0].best_baseline
    figures = [
        Figure(
            "test accuracy, %",
            100 * mean([run.accuracy for run in runs]),
            98.2,
            source="plain PyTorch 98.2 % in 39 s",
            digits=2,
        ),
        Figure("seconds a training", mean([run.seconds for run in runs]), 25, lower=True, digits=1),
    ]
    report(
        "mnist_rnn",
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
