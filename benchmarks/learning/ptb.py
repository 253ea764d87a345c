"""Words of the Penn Treebank, an LSTM with an adaptive softmax, trained for 7.5 minutes.

Options were chosen by the validation part; the test part is read once, by this script.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, Wanted, run, seconds

EVIDENCE = Evidence(
    "ptb",
    "elman train generate --data ptb --hidden 400 --max-seconds 450 --precision bf16",
    (
        Wanted(
            "test perplexity",
            "test.perplexity",
            109.0,
            lower=True,
            source="plain PyTorch 110.9 in 7.5 min; Zaremba et al. 2014, small: 115.9",
            digits=2,
        ),
        seconds(455),
    ),
)

if __name__ == "__main__":
    run(EVIDENCE)
