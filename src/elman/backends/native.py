"""The compiled engine as Python sees it: loading, plans handed over once, and one call per run."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from elman.backends.given import Given
from elman.errors import shown, wrong
from elman.program.schedule import Plan, Port, ProductStage

try:
    from elman import _engine
except ImportError as error:  # pragma: no cover - a broken installation
    _engine: Any = None
    _missing = str(error)
else:
    _missing = ""

#: the engine's instructions by name
OPCODES: Mapping[str, int] = {} if _engine is None else _engine.opcodes()


def missing() -> str:
    """Why the compiled engine is not there; empty if it is."""
    return _missing


def isa() -> str:
    """The instruction set whose kernels run, such as "avx512"."""
    return _engine.isa()


@torch.compiler.assume_constant_result
def has_bf16() -> bool:
    """Whether the kernels in use have products of bfloat16."""
    return _engine is not None and _engine.isa() == "avx512bf16"


def name_of(dtype: torch.dtype) -> str:
    """ "float32" for torch.float32."""
    return str(dtype).removeprefix("torch.")


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


#: plans as the engine holds them, by the type of their values
_encoded: Mapping[torch.dtype, WeakKeyDictionary[Plan, Any]] = {
    torch.float32: WeakKeyDictionary(),
    torch.float64: WeakKeyDictionary(),
}


def dtypes() -> tuple[torch.dtype, ...]:
    """The types of value that the engine computes in."""
    return tuple(_encoded)


def _encode(plan: Plan, dtype: torch.dtype) -> Any:
    encoded = _engine.Plan() if dtype is torch.float32 else _engine.Plan64()
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
                heads=stage.heads,
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
    return OPCODES[op], out, a, b, c, alpha, beta


def run(plan: Plan, arrays: Sequence[Any], given: Given, reverse: bool, spans: Tensor | None = None) -> None:
    """Run a plan over the steps and sequences of `given`, with its parameters as weights.

    `arrays` has one entry for each buffer, by its place: None where it is absent or scratch, a tensor, or a
    tuple of them (shifted: sequence, edge; state: initial, sequence, final).

    spans: (N, 3) int64, what to walk in place of whole sequences (see csrc/engine.h); edges, initial and
    final states are then of N rows.
    """
    _share_threads()
    dtype = given.x.dtype
    native = _encoded[dtype].get(plan)
    if native is None:
        native = _encoded[dtype][plan] = _encode(plan, dtype)
    steps, batch = given.x.shape[:2]
    handed, rows = _Handed(dtype), batch if spans is None else len(spans)
    addresses = [
        handed.buffer(buffer.place, array, steps, batch, rows, buffer.width)
        for buffer, array in zip(plan.buffers, arrays, strict=True)
    ]
    matrices = [handed.weight(given.parameters[name], shape) for name, shape in plan.weights.items()]
    lengths = given.lengths if spans is None else None
    native.run(
        addresses,
        matrices,
        steps,
        batch,
        lengths,
        reverse,
        torch.get_num_threads(),
        spans=spans,
        bf16=given.bf16,
    )


@dataclass(frozen=True)
class OuterJob:
    """Part of a weight's gradient: out (M, N) = Σ dᵀ a over all steps, of d (T, B, M) and a (T, B, N).

    before: a is taken from the step before (the walk's), from `edge` (B, N) at the first (None: zeros).
    add: to what `out` holds already.
    """

    d: Tensor
    a: Tensor
    edge: Tensor | None
    before: bool
    out: Tensor
    add: bool


def outer(jobs: Sequence[OuterJob], given: Given) -> None:
    """Do all jobs over the steps of `given`, which say what "before" means."""
    steps, batch = given.x.shape[:2]
    handed = _Handed(given.x.dtype)
    addresses = []
    for job in jobs:
        m, n = job.out.shape
        d, a = handed.address(job.d, (steps, batch, m)), handed.address(job.a, (steps, batch, n))
        handed.address(job.out, (m, n))  # checked
        edge = handed.address(job.edge, (batch, n))
        addresses.append((d, a, edge, m, n, job.before, (job.out.data_ptr(), job.out.stride(0)), job.add))
    run = _engine.outer if given.x.dtype is torch.float32 else _engine.outer64
    run(addresses, steps, batch, given.lengths, given.reverse, torch.get_num_threads(), given.bf16)


_LARGE = 2**22  # bytes: from here on the allocator is likely to hand out memory not touched before
_HUGE_PAGE, _MADV_HUGEPAGE = 2**21, 14


@functools.cache
def _madvise() -> Any:
    """The C library's madvise where it knows large pages, else None."""
    return getattr(ctypes.CDLL(None), "madvise", None) if sys.platform == "linux" else None


def _ask_for_large_pages(tensor: Tensor) -> None:
    """Have fresh memory come in pages of 2 MB: first touching a large batch's buffers in pages of 4 KB took a
    fifth of a training step."""
    start = -(-tensor.data_ptr() // _HUGE_PAGE) * _HUGE_PAGE
    length = tensor.data_ptr() + tensor.nbytes - start
    madvise = _madvise()
    if madvise is not None and length >= _HUGE_PAGE:
        madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_HUGEPAGE)  # advice: may be declined


class _Handed:
    """Tensors as the engine takes them, by address; checked here, and kept alive while it runs.

    (Handing over each as an array of its own protocol costs several times as much as a small run.)
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.alive: list[Tensor] = []

    def buffer(self, place: str, array: Any, steps: int, batch: int, rows: int, width: int) -> Any:
        if array is None:
            return None
        if place == "sequence":
            return self.address(array, (steps, batch, width))
        if place == "state":
            initial, sequence, final = array
            return (
                self.address(initial, (rows, width)),
                self.address(sequence, (steps, batch, width)),
                self.address(final, (rows, width)),
            )
        if place == "shifted":
            sequence, edge = array
            return self.address(sequence, (steps, batch, width)), self.address(edge, (rows, width))
        return self.address(array, (width,))

    def weight(self, weight: Tensor, shape: tuple[int, int]) -> tuple[int, int]:
        address, _, stride = self.address(weight, shape) or (0, 0, 0)
        return address, stride

    def address(self, tensor: Tensor | None, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
        """(address, stride over time, stride over the batch), the last also of a matrix's rows."""
        if tensor is None:
            return None
        if tensor.shape != shape or tensor.dtype is not self.dtype or not tensor.is_cpu:
            raise wrong(
                "tensor",
                expected=f"{name_of(self.dtype)} {shape} on the CPU",
                got=shown(f"{name_of(tensor.dtype)} {tuple(tensor.shape)} on {tensor.device}"),
                remedy="All tensors of a run have one dtype and device, and the sizes of the parameters.",
            )
        strides = tensor.stride()
        if strides[-1] != 1 and shape[-1] != 1:
            tensor = tensor.contiguous()
            strides = tensor.stride()
        self.alive.append(tensor)
        if len(shape) < 3:
            return tensor.data_ptr(), 0, strides[0] if len(shape) > 1 else 0
        if strides[0] and tensor.nbytes >= _LARGE:  # a stride of 0: a mask of few rows
            _ask_for_large_pages(tensor)
        return tensor.data_ptr(), strides[0], strides[1]
