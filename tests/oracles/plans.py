"""A slow interpreter of plans, row by row, written from csrc/engine.h alone: the schedule's own oracle.

It works on torch tensors of any dtype, so that plans can be checked in float64, with fresh memory poisoned.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from elman.program.instructions import OPS
from elman.program.schedule import ProductStage


class Math:
    """The table's namespace on tensors, written apart from the reference reader's."""

    heaviside = staticmethod(lambda a: (a > 0).to(a.dtype))
    select = staticmethod(lambda a, b, c: torch.where(a > 0, b, c))
    constant = staticmethod(lambda a, beta: torch.full_like(a, beta))
    mean = staticmethod(lambda a: a.sum(-1, keepdim=True).expand_as(a) / a.shape[-1])

    def __getattr__(self, name):
        return getattr(torch, name)


def run(plan, arrays, given, reverse, spans=None, then=()):
    """Stands in for `elman.backends.native.run`."""
    weights, lengths = given.parameters, given.lengths
    steps, batch = given.x.shape[:2]
    sums = {i for i, b in enumerate(plan.buffers) if b.place == "sum"}
    for i in sums:
        arrays[i].zero_()
    written = _written(plan)
    for i, buffer in enumerate(plan.buffers):
        target = (
            arrays[i] if buffer.place == "sequence" else arrays[i][1] if buffer.place == "state" else None
        )
        if i in written and target is not None:
            target.fill_(math.nan)
    whole = [(b, 0, steps if lengths is None else int(lengths[b])) for b in range(batch)]
    for row, (b, start, length) in enumerate(whole if spans is None else spans.tolist()):
        _Row(plan, arrays, weights, row, b, start, reverse).walk(length)
    outer(then, given)


def outer(jobs, given):
    """Stands in for `elman.backends.native.outer`."""
    lengths = given.lengths
    for job in jobs:
        if not job.add:
            job.out.zero_()
        for b in range(given.x.shape[1]):
            length = given.x.shape[0] if lengths is None else int(lengths[b])
            for k in range(length):
                t, before = (length - 1 - k, length - k) if given.reverse else (k, k - 1)
                if job.before and k == 0:
                    a = torch.zeros_like(job.a[t, b]) if job.edge is None else job.edge[b]
                else:
                    a = job.a[before if job.before else t, b]
                job.out.add_(torch.outer(job.d[t, b], a))


def _written(plan):
    found = set()
    for stage in plan.stages:
        if isinstance(stage, ProductStage):
            found.add(stage.out.buffer)
        else:
            found |= {stage.ports[out].buffer for _, out, _, _ in stage.code if out < len(stage.ports)}
    return found


class _Row:
    def __init__(self, plan, arrays, weights, row, b, start, reverse):
        self.plan, self.arrays, self.weights = plan, arrays, weights
        self.row, self.b, self.start, self.reverse = row, b, start, reverse
        self.dtype = next(iter(weights.values())).dtype if weights else torch.float64
        self.now = {}

    def walk(self, length):
        plan, b = self.plan, self.b
        written = _written(plan)
        for i, buffer in enumerate(plan.buffers):
            if buffer.place == "state":
                initial = self.arrays[i][0]
                zeros = torch.zeros(buffer.width, dtype=self.dtype)
                self.now[i] = zeros if initial is None else initial[self.row].clone()
        for k in range(length):
            self.t = self.start + (length - 1 - k if self.reverse else k)
            self.last = k == length - 1
            self.after = self.t - 1 if self.reverse else self.t + 1
            self.scratch = {
                (i, side): torch.full((buffer.width,), math.nan, dtype=self.dtype)
                for i, buffer in enumerate(plan.buffers)
                for side in (False, True)
            }
            for stage in plan.stages:
                self.product(stage) if isinstance(stage, ProductStage) else self.vector(stage)
            for i, buffer in enumerate(plan.buffers):
                if buffer.place == "state":
                    self.now[i] = self.scratch[i, True].clone()
                    if self.arrays[i][1] is not None:
                        self.arrays[i][1][self.t, b] = self.now[i]
        for i, buffer in enumerate(plan.buffers):
            if buffer.place == "state":
                if self.arrays[i][2] is not None:
                    self.arrays[i][2][self.row] = self.now[i]
                if self.arrays[i][1] is not None:
                    self.arrays[i][1][self.start + length :, b] = 0
            elif buffer.place == "sequence" and i in written:
                self.arrays[i][self.start + length :, b] = 0

    def view(self, port):
        buffer = self.plan.buffers[port.buffer]
        array = self.arrays[port.buffer]
        if buffer.place == "sequence":
            row = torch.zeros(buffer.width, dtype=self.dtype) if array is None else array[self.t, self.b]
        elif buffer.place == "shifted":
            sequence, edge = array
            zeros = torch.zeros(buffer.width, dtype=self.dtype)
            row = sequence[self.after, self.b] if not self.last else zeros if edge is None else edge[self.row]
        elif buffer.place == "state":
            row = self.scratch[port.buffer, True] if port.next else self.now[port.buffer]
        elif buffer.place in ("vector", "sum"):
            row = array
        else:
            row = self.scratch[port.buffer, False]
        return row[port.column :]

    def product(self, stage):
        segments = [self.view(port)[:length] for port, length in stage.segments]
        weight = self.weights[stage.weight]
        result = torch.zeros(stage.gates * stage.width, dtype=self.dtype)
        part, total = stage.width // stage.heads, sum(map(len, segments))
        for head in range(stage.heads):
            operand = torch.cat([s.chunk(stage.heads)[head] for s in segments])
            if stage.transposed:
                rows = weight[stage.row0 :].split([*map(len, segments), len(weight) - stage.row0 - total])
                blocks = torch.cat([r.chunk(stage.heads)[head] for r in rows[:-1]])
                result[head * part : (head + 1) * part] = operand @ blocks
            else:
                for gate in range(stage.gates):
                    row0 = gate * stage.width + head * part
                    rows = weight[stage.row0 + row0 : stage.row0 + row0 + part]
                    result[row0 : row0 + part] = F.linear(operand, rows)
        out = self.view(stage.out)[: len(result)]
        if stage.accumulate:
            result = out + result
        if stage.bias is not None:
            result = result + self.view(stage.bias)[: len(result)]
        out.copy_(result)

    def vector(self, stage):
        slots = [self.view(port)[: stage.width] for port in stage.ports]
        slots += [torch.full((stage.width,), math.nan, dtype=self.dtype) for _ in range(stage.registers)]
        for op, out, operands, immediates in stage.code:
            values = [slots[o].clone() for o in operands]
            if op == "accumulate":
                slots[out] += values[0]
            else:
                slots[out].copy_(OPS[op].arithmetic(Math(), *values, *immediates))
