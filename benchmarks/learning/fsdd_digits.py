"""Free spoken digits: which digit is said; recordings 0 to 4 of each speaker are the test."""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, accuracy, run, seconds

EVIDENCE = Evidence(
    "fsdd_digits",
    "elman train classify --data fsdd",
    (accuracy(99.5, "plain PyTorch 99.7 % in 2.5 min"), seconds(120)),
)

if __name__ == "__main__":
    run(EVIDENCE)
