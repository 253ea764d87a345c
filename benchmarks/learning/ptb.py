"""Words of the Penn Treebank, an LSTM with an adaptive softmax, trained for 7.5 minutes (or for `--seconds`).

    python -m benchmarks.learning.ptb

Options were chosen by the validation part; the test part is read once, by this script.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Figure, arguments, report
from benchmarks.learning.language import train

TARGET = 109.0
SOURCE = "plain PyTorch 110.9 in 7.5 min; Zaremba et al. 2014, small: 115.9"


def main() -> None:
    given = arguments(__doc__ or "", seconds=450.0, seed=0, precision="bf16")
    command = (
        f"elman train generate --data ptb --hidden 400 --max-seconds {given.seconds:g} "
        f"--precision {given.precision} --seed {given.seed}"
    )
    result = train(command)
    name = f"test perplexity after {result['seconds']:.0f} s"
    figures = [Figure(name, result["test"]["perplexity"], TARGET, lower=True, source=SOURCE, digits=2)]
    report("ptb", command, figures, result=result)


if __name__ == "__main__":
    main()
