"""Words of the Penn Treebank, an LSTM with an adaptive softmax, trained for 7.5 minutes.

Options were chosen by the validation part; the test part is read once, by this script.
"""

from __future__ import annotations

from benchmarks.learning.language import measure


def main() -> None:
    measure(
        "ptb",
        __doc__ or "",
        "elman train generate --data ptb --hidden 400",
        seconds=450,
        figure="perplexity",
        target=109.0,
        source="plain PyTorch 110.9 in 7.5 min; Zaremba et al. 2014, small: 115.9",
    )


if __name__ == "__main__":
    main()
