"""Universal parts of speech of UD English EWT, with the defaults of `elman train tag`.

Options were chosen on the validation part; the test part is read once, by this script.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Figure, arguments, report
from benchmarks.learning.language import train


def main() -> None:
    """Train and report; --extra adds options to the command, such as "--epochs 1"."""
    given = arguments(__doc__ or "", seed=0, extra="")
    command = f"elman train tag --data ud_ewt --seed {given.seed} {given.extra}".rstrip()
    result = train(command)
    figures = [
        Figure(
            "test accuracy, %",
            100 * result["test"]["accuracy"],
            95.6,
            source="plain PyTorch 95.5 % in 4.5 min, most frequent tag 88.0 %",
            digits=2,
        ),
        Figure("seconds of training", result["seconds"], 240, lower=True, digits=0),
    ]
    report("ud_ewt", command, figures, result=result)


if __name__ == "__main__":
    main()
