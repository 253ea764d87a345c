"""The compiled engine as Python sees it: loading, plans handed over once, and one call per run."""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
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

#: a constant to torch.compile (whose own way of saying so would import the whole compiler)
_HAS_BF16 = _engine is not None and _engine.isa() == "avx512bf16"

#: the engine's instructions by name
OPCODES: Mapping[str, int] = {} if _engine is None else _engine.opcodes()


def missing() -> str:
    """Why the compiled engine is not there; empty if it is."""
    return _missing


def isa() -> str:
    """The instruction set whose kernels run, such as "avx512"."""
    return _engine.isa()


def has_bf16() -> bool:
    """Whether the kernels have products of bfloat16."""
    return _HAS_BF16


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


class OuterJob(NamedTuple):
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


_LARGE = 2**18  # bytes: smaller tensors come faster from torch


def empty(like: Tensor, *shape: int) -> Tensor:
    """An uninitialised tensor of that dtype; a large one in memory that earlier ones have left: what comes
    fresh from the system took up to half the time of a training step."""
    if math.prod(shape) * like.element_size() < _LARGE:
        return like.new_empty(shape)
    return _engine.empty(shape, like.dtype is torch.float64)


class _Handed:
    """Tensors as the engine takes them: (address, stride over time, stride over the batch), the last also of
    a matrix's rows. Checked here; copies of those that do not lie row by row are kept alive while it runs.

    (Handing over each as an array of its own protocol costs several times as much as a small run.)
    """

    __slots__ = ("batch", "copies", "dtype", "rows", "steps")

    def __init__(self, dtype: torch.dtype, steps: int, batch: int, rows: int) -> None:
        self.dtype = dtype
        self.steps, self.batch, self.rows = steps, batch, rows
        self.copies: list[Tensor] = []

    def sequence(self, tensor: Tensor, width: int) -> tuple[int, int, int]:
        strides = self._strides(tensor, (self.steps, self.batch, width))
        if strides[2] != 1 and width != 1:
            tensor = self._by_rows(tensor)
            strides = tensor.stride()
        return tensor.data_ptr(), strides[0], strides[1]

    def matrix(self, tensor: Tensor, shape: tuple[int, int]) -> tuple[int, int, int]:
        strides = self._strides(tensor, shape)
        if strides[1] != 1 and shape[1] != 1:
            tensor = self._by_rows(tensor)
            strides = tensor.stride()
        return tensor.data_ptr(), 0, strides[0]

    def vector(self, tensor: Tensor, width: int) -> tuple[int, int, int]:
        if self._strides(tensor, (width,)) != (1,) and width != 1:
            tensor = self._by_rows(tensor)
        return tensor.data_ptr(), 0, 0

    def state(self, array: Sequence[Tensor | None], width: int) -> Any:
        initial, sequence, final = array
        return (
            None if initial is None else self.matrix(initial, (self.rows, width)),
            None if sequence is None else self.sequence(sequence, width),
            None if final is None else self.matrix(final, (self.rows, width)),
        )

    def shifted(self, array: Sequence[Tensor | None], width: int) -> Any:
        sequence, edge = array
        return (
            None if sequence is None else self.sequence(sequence, width),
            None if edge is None else self.matrix(edge, (self.rows, width)),
        )

    def weight(self, weight: Tensor, shape: tuple[int, int]) -> tuple[int, int]:
        address, _, stride = self.matrix(weight, shape)
        return address, stride

    def _strides(self, tensor: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
        if tensor.shape != shape or tensor.dtype is not self.dtype or not tensor.is_cpu:
            raise wrong(
                "tensor",
                expected=f"{name_of(self.dtype)} {shape} on the CPU",
                got=shown(f"{name_of(tensor.dtype)} {tuple(tensor.shape)} on {tensor.device}"),
                remedy="All tensors of a run have one dtype and device, and the sizes of the parameters.",
            )
        return tensor.stride()

    def _by_rows(self, tensor: Tensor) -> Tensor:
        self.copies.append(tensor.contiguous())
        return self.copies[-1]


#: by a buffer's place
_HAND: Mapping[str, Callable[[_Handed, Any, int], Any]] = {
    "sequence": _Handed.sequence,
    "state": _Handed.state,
    "shifted": _Handed.shifted,
    "vector": _Handed.vector,
    "sum": _Handed.vector,
}


def run(
    plan: Plan,
    arrays: Sequence[Any],
    given: Given,
    reverse: bool,
    spans: Tensor | None = None,
    then: Sequence[OuterJob] = (),
) -> None:
    """Run a plan over the steps and sequences of `given`, with its parameters as weights.

    `arrays` has one entry for each buffer, by its place: None where it is absent or scratch, a tensor, or a
    tuple of them (shifted: sequence, edge; state: initial, sequence, final).

    spans: (N, 3) int64, what to walk in place of whole sequences (see csrc/engine.h); edges, initial and
    final states are then of N rows. then: for `outer`, of what the plan writes.
    """
    _share_threads()
    x = given.x
    dtype = x.dtype
    native = _encoded[dtype].get(plan)
    if native is None:
        native = _encoded[dtype][plan] = _encode(plan, dtype)
    steps, batch, _ = x.shape
    handed = _Handed(dtype, steps, batch, batch if spans is None else len(spans))
    addresses = [
        None if array is None else _HAND[buffer.place](handed, array, buffer.width)
        for buffer, array in zip(plan.buffers, arrays, strict=True)
    ]
    parameters = given.parameters
    weights = [handed.weight(parameters[name], shape) for name, shape in plan.weights.items()]
    lengths = given.lengths if spans is None else None
    # After a run nothing of Python is left in the caches: what can be done before is.
    add_up = _outer(then, given, handed) if then else None
    native.run(
        addresses,
        weights,
        steps,
        batch,
        lengths,
        reverse,
        torch.get_num_threads(),
        spans=spans,
        bf16=given.bf16,
    )
    if add_up is not None:
        add_up()


def outer(jobs: Sequence[OuterJob], given: Given) -> None:
    """Do all jobs over the steps of `given`, which say what "before" means."""
    steps, batch, _ = given.x.shape
    handed = _Handed(given.x.dtype, steps, batch, batch)
    _outer(jobs, given, handed)()


def _outer(jobs: Sequence[OuterJob], given: Given, handed: _Handed) -> Callable[[], None]:
    """`outer`, all but the call."""
    x = given.x
    steps, batch, _ = x.shape
    addresses = []
    for job in jobs:
        m, n = job.out.shape
        out, _, stride = handed.matrix(job.out, (m, n))
        d, a = handed.sequence(job.d, m), handed.sequence(job.a, n)
        edge = None if job.edge is None else handed.matrix(job.edge, (batch, n))
        addresses.append((d, a, edge, m, n, job.before, (out, stride), job.add))
    run = _engine.outer if x.dtype is torch.float32 else _engine.outer64
    return functools.partial(
        run, addresses, steps, batch, given.lengths, given.reverse, torch.get_num_threads(), given.bf16
    )
