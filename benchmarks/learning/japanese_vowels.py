"""JapaneseVowels, mean of three seeds; the options were chosen by cross-validation on the training part."""

from __future__ import annotations

from benchmarks.learning.classified import mean, seeded
from benchmarks.learning.evidence import Figure, arguments, report


def main() -> None:
    """Train and report; --extra adds options to the command, such as "--epochs 1"."""
    given = arguments(__doc__ or "", seeds=3, extra="")
    command = "--data japanese_vowels --cell gru --pooling mean --batch-size 16 --validation-share 0"
    command += " --dropout 0.5 --input-dropout 0.2 --label-smoothing 0.1"
    command += f" {given.extra}".rstrip()
    runs = seeded(command, given.seeds)
    rule, beside = runs[0].best_baseline
    figures = [
        Figure(
            "test accuracy, %",
            100 * mean([run.accuracy for run in runs]),
            98.2,
            source="plain PyTorch 98.0 % in 7 s, published 95.5 to 98.6 %",
            digits=2,
        ),
        Figure("seconds a training", mean([run.seconds for run in runs]), 10, lower=True, digits=1),
    ]
    report(
        "japanese_vowels",
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
