"""MNIST by rows with an LSTM of 128 units, 10 epochs."""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, accuracy, run, seconds

EVIDENCE = Evidence(
    "mnist_lstm",
    "elman train classify --data mnist --cell lstm --hidden 128 --epochs 10 "
    "--validation-share 0 --batch-size 128 --learning-rate 0.005 --precision bf16",
    (accuracy(99.1, "plain PyTorch 99.1 % in 70 to 122 s"), seconds(60)),
)

if __name__ == "__main__":
    run(EVIDENCE)
