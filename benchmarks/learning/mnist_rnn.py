"""MNIST by rows with a plain RNN of 128 rectified units, 10 epochs."""

from __future__ import annotations

from benchmarks.learning.evidence import Evidence, accuracy, run, seconds

EVIDENCE = Evidence(
    "mnist_rnn",
    "elman train classify --data mnist --cell rnn --activation relu --hidden 128 --epochs 10 "
    "--validation-share 0 --batch-size 128 --learning-rate 0.004",
    (accuracy(98.2, "plain PyTorch 98.2 % in 39 s"), seconds(25)),
)

if __name__ == "__main__":
    run(EVIDENCE)
