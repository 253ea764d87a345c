"""ETTh1, the next 720 hours of seven loads and temperatures, from the 720 hours before.

12, 4 and 4 months of training, validation and test; errors on the scale of the training part, over every test
window and channel, as in SegRNN (arXiv:2308.11200, table 2). Intervals are calibrated before the test.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, Wanted, run

EVIDENCE = Evidence(
    "etth1_720",
    "elman train forecast --data {data}/ett/ETTh1.csv.gz --split 8640/2880/2880 --lookback 720 --horizon 720 "
    "--hidden 512 --dropout 0.5 --average 0.5 --precision bf16",
    (Wanted("test MSE", "test.mse", 0.47, lower=True, source="SegRNN 0.466"),),
)

if __name__ == "__main__":
    run(EVIDENCE)
