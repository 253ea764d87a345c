"""The compiled engine as Python sees it: loading, plans handed over once, and one call per run."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from elman.program.schedule import Plan, Port, ProductStage

try:
    from elman import _engine
except ImportError as error:  # pragma: no cover - a broken installation
    _engine: Any = None
    _missing = str(error)
else:
    _missing = ""


def missing() -> str:
    """Why the compiled engine is not there; empty if it is."""
    return _missing


def isa() -> str:
    """The instruction set whose kernels run, such as "avx512"."""
    return _engine.isa()


@functools.cache
def opcodes() -> Mapping[str, int]:
    """The engine's instructions by name."""
    return _engine.opcodes()


@functools.cache
def _share_threads() -> None:
    """Let the engine run on torch's own OpenMP threads.

    Those spin for a while after each of torch's products; a second pool would compete for the cores.
    """
    library = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    try:
        openmp = ctypes.CDLL(str(library))  # symbols of its dependencies are found through it
        addresses = [
            ctypes.cast(getattr(openmp, name), ctypes.c_void_p).value
            for name in ("GOMP_parallel", "omp_get_num_threads")
        ]
    except (OSError, AttributeError):  # another platform or OpenMP: the engine starts threads of its own
        return
    _engine.use_team(*addresses)


_encoded: WeakKeyDictionary[Plan, Any] = WeakKeyDictionary()


def _encode(plan: Plan) -> Any:
    encoded = _engine.Plan()
    for buffer in plan.buffers:
        encoded.add_buffer(buffer.place, buffer.width)
    weights = {name: encoded.add_weight(*shape) for name, shape in plan.weights.items()}
    for stage in plan.stages:
        if isinstance(stage, ProductStage):
            encoded.add_product(
                weight=weights[stage.weight],
                row0=stage.row0,
                transposed=stage.transposed,
                gates=stage.gates,
                width=stage.width,
                segments=[(*_port(port), length) for port, length in stage.segments],
                out=_port(stage.out),
                bias=None if stage.bias is None else _port(stage.bias),
                accumulate=stage.accumulate,
            )
        else:
            encoded.add_vector(
                width=stage.width,
                ports=[_port(port) for port in stage.ports],
                registers=stage.registers,
                instructions=[_instruction(*line) for line in stage.code],
            )
    encoded.check()
    return encoded


def _port(port: Port) -> tuple[int, int, int]:
    return port.buffer, port.column, int(port.next)


def _instruction(op: str, out: int, operands: Sequence[int], immediates: Sequence[float]) -> tuple:
    a, b, c = (*operands, -1, -1, -1)[:3]
    alpha, beta = {0: (0.0, 0.0), 1: (0.0, *immediates), 2: immediates}[len(immediates)]
    return opcodes()[op], out, a, b, c, alpha, beta


def run(
    plan: Plan,
    arrays: list[Any],
    weights: Mapping[str, Tensor],
    steps: int,
    batch: int,
    lengths: Tensor | None,
    reverse: bool,
) -> None:
    """Run a plan; `arrays` as in the engine's `Plan.run`, one entry for each buffer."""
    _share_threads()
    native = _encoded.get(plan)
    if native is None:
        native = _encoded[plan] = _encode(plan)
    held = [_rows(array) for array in arrays]
    matrices = [_rows(weights[name]) for name in plan.weights]
    native.run(held, matrices, steps, batch, lengths, reverse, torch.get_num_threads())


def _rows(array: Any) -> Any:
    """Tensors with contiguous rows and no autograd, as the engine wants them; tuples part by part."""
    if array is None:
        return None
    if isinstance(array, tuple):
        return tuple(_rows(part) for part in array)
    array = array.detach()
    return array if array.stride(-1) == 1 or array.shape[-1] == 1 else array.contiguous()
