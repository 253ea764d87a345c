"""A whole training step in Keras; run by path with the Python of .venv-peers, which has no elman.

    python benchmarks/peers/keras_step.py KIND BACKEND THREADS MODEL.npz

MODEL.npz has a batch (x: B, T, I; y: B), torch's weights of layer and head, the learning rate, and the losses
of the first steps; where Keras has one bias, only one of torch's two was trained. Several ways of Keras to
run a step are tried, and the fastest one is timed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from serve import serve

BATCHES = 32  # of an epoch of `fit`
SECONDS_TO_TRY = 0.4


def one_order_to_another(kind: str, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> list[Any]:
    """torch's weights as Keras's: columns rather than rows; GRU's gates z, r, n rather than r, z, n."""
    if kind == "GRU":

        def turn(rows: Any) -> Any:
            r, z, n = np.split(rows, 3)
            return np.concatenate([z, r, n])

        return [turn(w_ih).T, turn(w_hh).T, np.stack([turn(b_ih), turn(b_hh)])]
    return [w_ih.T, w_hh.T, b_ih + b_hh]


def build(keras: Any, kind: str, given: Any, unroll: bool, jit: bool, per_execution: int) -> Any:
    """The compiled model with the given weights."""
    layer = {"RNN": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}[kind]
    _, steps, features = given["x"].shape
    hidden, classes = given["weight_hh_l0"].shape[1], len(given["head.bias"])
    model = keras.Sequential(
        [keras.Input((steps, features)), layer(hidden, unroll=unroll), keras.layers.Dense(classes)]
    )
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    recurrent = one_order_to_another(kind, *(given[name] for name in names))
    model.set_weights([*recurrent, given["head.weight"].T, given["head.bias"]])
    model.compile(
        optimizer=keras.optimizers.Adam(float(given["learning_rate"]), epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit,
        steps_per_execution=per_execution,
    )
    return model


#: (unroll, jit_compile, steps_per_execution; 0: train_on_batch) of the ways to run a step that are tried
WAYS = {
    "jax": ((False, True, 0), (True, True, 0), (False, True, 1), (False, True, BATCHES)),
    "tensorflow": ((False, False, 0), (True, False, 0), (False, True, 0), (False, False, BATCHES)),
    "torch": ((False, False, 0), (True, False, 0), (False, False, 1)),
}


def work_of(model: Any, given: Any, per_execution: int) -> Callable[[], object]:
    """One training step; with `fit`, an epoch of `BATCHES` batches."""
    x, y = given["x"], given["y"]
    if per_execution == 0:
        return lambda: model.train_on_batch(x, y)
    many_x, many_y = np.concatenate([x] * BATCHES), np.concatenate([y] * BATCHES)
    return lambda: model.fit(many_x, many_y, batch_size=len(x), epochs=1, verbose=0, shuffle=False)


def check(model: Any, given: Any) -> None:
    """The losses of the first steps are those of torch: outputs, gradients and Adam are right."""
    found = np.array([float(model.train_on_batch(given["x"], given["y"])) for _ in given["losses"]])
    error = np.abs(found - given["losses"]).max()
    if not error <= 1e-4:
        raise ValueError(f"losses {found} in place of {given['losses']}")


def prepare(kind: str, backend: str, threads: int, path: Path) -> tuple[Callable[[], object], dict[str, Any]]:
    """The fastest way's work, and what it is; `batches` steps are in one call."""
    keras: Any = import_module("keras")
    if backend == "torch":
        import torch

        torch.set_num_threads(threads)
    elif backend == "tensorflow":
        tensorflow: Any = import_module("tensorflow")
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    given = np.load(path)
    given = {name: given[name] for name in given.files}
    best: tuple[float, Callable[[], object], dict[str, Any]] | None = None
    for unroll, jit, per_execution in WAYS[backend]:
        model = build(keras, kind, given, unroll, jit, max(1, per_execution))
        work = work_of(model, given, per_execution)
        if per_execution == 0:
            check(model, given)
        steps = BATCHES if per_execution else 1
        before = int(model.optimizer.iterations)
        work()
        if int(model.optimizer.iterations) - before != steps:
            raise ValueError(f"a call takes {int(model.optimizer.iterations) - before} steps, not {steps}")
        took = quickest(work) / steps
        if best is None or took < best[0]:
            how = {"unroll": unroll, "jit_compile": jit, "steps_per_execution": per_execution, "steps": steps}
            best = took, work, how
    assert best is not None
    return best[1], {**best[2], "keras": keras.__version__}


def quickest(work: Callable[[], object]) -> float:
    """Seconds of the fastest call, after one that compiles."""
    work()
    times, end = [], time.perf_counter() + SECONDS_TO_TRY
    while len(times) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    kind, backend, threads, path = sys.argv[1:]
    os.environ["KERAS_BACKEND"] = backend
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = threads
    if backend == "jax" and int(threads) == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    serve(lambda: prepare(kind, backend, int(threads), Path(path)))
