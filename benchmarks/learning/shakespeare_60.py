"""Characters of tiny Shakespeare, first 90 % / last 10 %, trained for 60 seconds.

Options were chosen with the end of the first 90 % held out; the last 10 % are read once, by this script.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, Wanted, run, seconds

EVIDENCE = Evidence(
    "shakespeare_60",
    "elman train generate --data shakespeare --validation-share 0 "
    "--max-seconds 60 --dropout 0.1 --precision bf16",
    (
        Wanted(
            "nats a character, test",
            "test.loss",
            1.56,
            lower=True,
            source="plain PyTorch 1.575; nanoGPT 1.88 after 3 min",
        ),
        seconds(63),
    ),
)

if __name__ == "__main__":
    run(EVIDENCE)
