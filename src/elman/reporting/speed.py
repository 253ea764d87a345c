"""Speed: how fast the run was trained, and the share of the machine's rate that its layers reach here."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import numpy as np
import torch

from elman.bench import machine
from elman.bench.timing import Effort, interleave
from elman.nn import Recurrent
from elman.reporting.blocks import Block, Note, Section, Table, share_cell, unit_cell
from elman.reporting.run import Run

EFFORT = Effort(warmup_seconds=0.05, rounds=5, seconds=0.3, most=200)
MOST_STEPS, MOST_BATCH = 128, 64
MATRIX = 1024  # rows and columns of those whose product gives the machine's rate


def speed_section(run: Run) -> Section | None:
    """What the history says of the training, and the layers measured again on this machine."""
    blocks: list[Block] = []
    if run.history:
        blocks.append(_training(run))
    if run.model is not None:
        layers = [m for m in run.model.module.modules() if isinstance(m, Recurrent)]
        if layers:
            blocks += _layers(run, layers)
    return Section("speed", "Speed", blocks) if blocks else None


def _training(run: Run) -> Table:
    unit = run.task.unit if run.task is not None else "sequences"
    seconds = sum(record["seconds"] for record in run.history)
    steps = run.history[-1]["step"]
    rows: list[list[Any]] = [
        ["Updates a second, validation included", f"{steps / max(seconds, 1e-9):,.1f}"],
        [f"{unit.capitalize()} a second", f"{median(r['sequences_per_second'] for r in run.history):,.0f}"],
        ["Waiting for data", f"{median(r['waiting'] for r in run.history):.1%} of the time"],
        ["Padding", f"{median(r['padding'] for r in run.history):.1%} of all steps"],
    ]
    return Table("While training (medians over the epochs)", ("What", "Value"), rows)


def _layers(run: Run, layers: list[Recurrent]) -> list[Block]:
    batch = min(int(run.settings.get("batch_size") or 32), MOST_BATCH)
    steps = _steps(run)
    rows: list[list[Any]] = []
    machines: list[float] = []
    for place, layer in enumerate(layers):
        took, rate = _measured(layer, batch, steps)
        machines.append(rate)
        flops = 3 * forward_flops(layer) * batch * steps / took / 1e9
        rows.append(
            [
                _called(place, layer),
                f"{batch} × {steps}",
                unit_cell(took * 1e3, "ms", 2),
                unit_cell(batch * steps / took, "", 0),
                unit_cell(flops, ""),
                share_cell(flops / rate),
            ]
        )
    header = ("Recurrent layers", "Batch × steps", "Time", "Steps a second", "GF/s", "Of torch.mm's rate")
    where = (
        f"{machine.cpu()} (threads: {torch.get_num_threads()}); torch.mm 1024³ {median(machines):.0f} GF/s"
    )
    note = f"Measured while this page was made, on {where}: a whole training pass on random input."
    return [Table("The recurrent layers in training", header, rows), Note(note)]


def _called(place: int, layer: Recurrent) -> str:
    deep = f", {layer.num_layers} layers" if layer.num_layers > 1 else ""
    both = ", both directions" if layer.bidirectional else ""
    return f"{place + 1}: {layer.input_size} to {layer.hidden_size}{deep}{both}"


def forward_flops(layer: Recurrent) -> int:
    """Operations of one step of one sequence, forward, through all layers and directions."""
    directions = 1 + layer.bidirectional
    out = layer.proj_size or layer.hidden_size
    total = 0
    for place in range(layer.num_layers):
        given = layer.input_size if place == 0 else out * directions
        cost = layer.program.cost(1, 1, given, layer.hidden_size, layer.proj_size)
        total += directions * cost.flops
    return total


def _steps(run: Run) -> int:
    """Steps of a usual sequence: of the data, or as the options have it."""
    for name in ("bptt", "lookback"):
        if run.settings.get(name):
            return min(int(run.settings[name]), MOST_STEPS)
    inputs = getattr(run.part, "inputs", None)
    lengths = getattr(inputs, "lengths", None)
    if lengths is None and isinstance(inputs, list) and inputs and isinstance(inputs[0], list):
        lengths = [len(one) for one in inputs]
    if lengths is None or not len(lengths):
        return 32
    return max(1, min(math.ceil(np.mean(np.asarray(lengths))), MOST_STEPS))


def _measured(layer: Recurrent, batch: int, steps: int) -> tuple[float, float]:
    """(seconds of one forward and backward pass, GF/s of torch.mm), medians of both in turn."""
    x = torch.randn(steps, batch, layer.input_size, generator=torch.Generator().manual_seed(0))
    if layer.batch_first:
        x = x.transpose(0, 1).contiguous()
    weight = next(layer.parameters())
    x = x.to(weight.device, weight.dtype)
    a, b = torch.rand(2, MATRIX, MATRIX)

    def work() -> None:
        output, _ = layer(x)
        torch.autograd.grad(output.sum(), list(layer.parameters()), allow_unused=True)

    with torch.enable_grad():
        took = interleave({"layer": work, "mm": lambda: torch.mm(a, b)}, EFFORT)
    return median(took["layer"]), 2 * MATRIX**3 / median(took["mm"]) / 1e9
