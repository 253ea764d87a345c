"""ETTh1, the next 96 hours of seven loads and temperatures, from the 720 hours before.

12, 4 and 4 months of training, validation and test; errors on the scale of the training part, over every test
window and channel, as in SegRNN (arXiv:2308.11200, table 2). Intervals are calibrated before the test.
"""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, Wanted, run, seconds

EVIDENCE = Evidence(
    "etth1_96",
    "elman train forecast --data {data}/ett/ETTh1.csv.gz --split 8640/2880/2880 --lookback 720 --horizon 96 "
    "--hidden 512 --dropout 0.5 --average 0.5 --precision bf16",
    (
        Wanted(
            "test MSE",
            "test.mse",
            0.352,
            lower=True,
            source="SegRNN 0.351, PatchTST 0.375; plain PyTorch 0.352 in 1.9 min; seasonal naive 0.512",
        ),
        Wanted(
            "test MAE",
            "test.mae",
            0.385,
            lower=True,
            source="SegRNN 0.392, plain PyTorch 0.384, seasonal naive 0.433",
        ),
        seconds(120),
        Wanted("coverage of 90 % conformal intervals, at least", "test.coverage_90", 0.88),
        Wanted("coverage of 90 % conformal intervals, at most", "test.coverage_90", 0.92, lower=True),
    ),
)

if __name__ == "__main__":
    run(EVIDENCE)
