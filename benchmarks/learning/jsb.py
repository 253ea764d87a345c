"""The next step of JSB chorales, with the defaults: nats a step, over 88 keys.

Options were chosen on the validation part; the test part is read once, by this script.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, Wanted, run, seconds

EVIDENCE = Evidence(
    "jsb",
    "elman train tag --data jsb",
    (
        Wanted(
            "test NLL, nats a step",
            "test.nll",
            8.45,
            lower=True,
            source="plain PyTorch GRU 8.47 in 21 s; GRU 8.43, TCN 8.10 (arXiv:1803.01271)",
        ),
        seconds(60),
    ),
)

if __name__ == "__main__":
    run(EVIDENCE)
