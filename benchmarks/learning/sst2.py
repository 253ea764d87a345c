"""Sentences of film reviews (SST-2) from scratch, the mean of three seeds."""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, accuracy, run, seconds

EVIDENCE = Evidence(
    "sst2",
    "elman train classify --data sst2",
    (
        accuracy(81.0, "plain biLSTM 80.6 % in 69 s, TF-IDF 80.2 to 81.9 %, with GloVe about 85 %"),
        seconds(120),
    ),
    seeds=3,
)

if __name__ == "__main__":
    run(EVIDENCE)
