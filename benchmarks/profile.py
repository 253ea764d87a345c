"""Where the time of a training call goes, beside what each part takes at least.

    python -m benchmarks.profile --write docs/engine.md

A part of the loop is measured by leaving it out: the engine runs the same plan on the same tensors, with
zeros in the place of what the part's stages would write, and the time that is saved is the part's. Whole
runs, runs without each part, the weight gradients and the whole training call take turns; figures are
medians. What is left of the whole call is overhead: the loop itself, Python, autograd, memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from rich.console import Console

from benchmarks import limits
from benchmarks.limits import Limits
from benchmarks.markdown import written_into
from elman.backends import native
from elman.backends.given import Given
from elman.bench import layers, machine, report
from elman.bench.agreement import disagreement
from elman.bench.shapes import Shape
from elman.bench.timing import FULL, QUICK, Effort, MatrixRate, interleave
from elman.program.schedule import Buffer, Plan, Port, ProductStage, VectorStage

CASES = (
    ("RNN", Shape(128, 100, 64, 64)),
    ("GRU", Shape(32, 100, 256, 256)),
    ("LSTM", Shape(1, 100, 64, 64)),
    ("LSTM", Shape(32, 100, 128, 128)),
    ("LSTM", Shape(64, 100, 512, 512)),
)
LOOP_PARTS = ("input projection", "recurrent product", "pointwise")
PARTS = (*LOOP_PARTS, "weight gradients", "overhead")
RESULTS = Path(__file__).parent / "results"
BEGIN = "<!-- profile: written by `python -m benchmarks.profile --write docs/engine.md` -->"
END = "<!-- /profile -->"
Stage = ProductStage | VectorStage


def part_of(plan: Plan, stage: Stage) -> str:
    """To which part of the loop a stage belongs."""
    if isinstance(stage, VectorStage):
        return "pointwise"
    ends = [stage.out.buffer, *(port.buffer for port, _ in stage.segments)]
    of_input = any(
        (plan.buffers[b].role, plan.buffers[b].name) in (("stream", "x"), ("dx", "")) for b in ends
    )
    return "input projection" if of_input else "recurrent product"


def without(plan: Plan, part: str) -> Plan:
    """The plan with stages in the place of that part's that only fill with zeros what later stages read.

    It has one buffer more, a vector of zeros.
    """
    widest = max(buffer.width for buffer in plan.buffers)
    buffers = [*plan.buffers, Buffer("zeros", "", "vector", widest)]
    stages: list[Stage] = []
    for stage in plan.stages:
        stages += [stage] if part_of(plan, stage) != part else _zeros(plan, stage)
    return replace(plan, buffers=buffers, stages=stages)


def _zeros(plan: Plan, stage: Stage) -> Iterator[VectorStage]:
    zeros = Port(len(plan.buffers))
    for port, width in _written(stage):
        if plan.buffers[port.buffer].place in ("scratch", "state"):
            yield VectorStage(width, (zeros, port), 0, (("copy", 1, (0,), ()),))


def _written(stage: Stage) -> list[tuple[Port, int]]:
    """The ports that a stage writes, each once, with their widths."""
    if isinstance(stage, ProductStage):
        return [] if stage.accumulate else [(stage.out, stage.gates * stage.width)]
    slots = dict.fromkeys(slot for _, slot, _, _ in stage.code if slot < len(stage.ports))
    return [(stage.ports[slot], stage.width) for slot in slots]


@dataclass
class Calls:
    """What a training call asked of the engine: runs of plans, and sums of outer products."""

    runs: list[tuple[Plan, Sequence[Any], tuple[Any, ...]]]
    outers: list[tuple[Sequence[native.OuterJob], Given]]

    def run(self, change: Callable[[Plan], Plan] | None = None) -> None:
        """The loops again, with changed plans."""
        for plan, arrays, rest in self.runs:
            if change is None:
                native.run(plan, arrays, *rest)
            else:
                changed = change(plan)
                extra = torch.zeros(changed.buffers[-1].width)
                native.run(changed, [*arrays, extra], *rest)

    def outer(self) -> None:
        """The weight gradients again."""
        for jobs, given in self.outers:
            native.outer(jobs, given)


@contextmanager
def calls() -> Iterator[Calls]:
    """Takes down what is asked of the engine inside the block."""
    taken, run = Calls([], []), native.run

    def running(
        plan: Plan, arrays: Sequence[Any], given: Given, reverse: bool, spans: Any = None, then: Any = ()
    ) -> None:
        taken.runs.append((plan, arrays, (given, reverse, spans)))
        if then:
            taken.outers.append((then, given))
        run(plan, arrays, given, reverse, spans, then)

    with patch.object(native, "run", running):
        yield taken


@dataclass(frozen=True)
class Split:
    """Seconds of a training call by part, and the least that each part could take; None: no such limit."""

    kind: str
    shape: Shape
    whole: float
    parts: Mapping[str, float]
    least: Mapping[str, float | None]
    wrong: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "shape": vars(self.shape)}


def split(kind: str, shape: Shape, effort: Effort, found: Limits) -> Split:
    """Measures one case, once its results agree with the oracle."""
    setup = layers.prepare(kind, shape)
    if wrong := disagreement(layers.both_modes(setup.ours, setup), layers.both_modes(setup.oracle, setup)):
        return Split(kind, shape, 0.0, {}, {}, wrong)
    train = layers.timed(setup.ours, "training", setup.input, setup.upstream)
    with calls() as taken:
        train()
    changed = {p: {id(plan): without(plan, p) for plan, _, _ in taken.runs} for p in LOOP_PARTS}
    works: dict[str, Callable[[], object]] = {"whole": train, "loops": taken.run, "outer": taken.outer}
    for part, plans in changed.items():
        works[part] = partial(taken.run, lambda plan, plans=plans: plans[id(plan)])
    times = interleave(works, effort)
    whole = statistics.median(times["whole"])
    parts = {part: _saved(times["loops"], times[part]) for part in LOOP_PARTS}
    parts["weight gradients"] = statistics.median(times["outer"])
    parts["overhead"] = whole - sum(parts.values())
    return Split(kind, shape, whole, parts, least(taken, kind, shape, found))


def _saved(whole: Sequence[float], without: Sequence[float]) -> float:
    return statistics.median(a - b for a, b in zip(whole, without, strict=True))


def least(taken: Calls, kind: str, shape: Shape, found: Limits) -> dict[str, float | None]:
    """The limits of each part.

    A product: its operations at the rate of torch.mm, or its weights read once a step, whichever is longer.
    Pointwise: what its stages read and write, from L2 what stays there from step to step, from where the
    array fits what lies over time. Weight gradients: operations at the rate of torch.mm.
    """
    rows, steps = shape.batch, shape.time
    limits: dict[str, float] = dict.fromkeys(LOOP_PARTS, 0.0)
    for plan, _, _ in taken.runs:
        for stage in plan.stages:
            part = part_of(plan, stage)
            if isinstance(stage, ProductStage):
                inner = sum(length for _, length in stage.segments)
                numbers = inner * stage.gates * stage.width // stage.heads
                at_once = rows * steps if part == "input projection" else rows
                weights = 4 * numbers / found.bandwidth(4 * numbers) * (rows * steps / at_once)
                limits[part] += max(2 * numbers * rows * steps / found.flops, weights)
                continue
            for port in dict.fromkeys(stage.ports):
                place, size = plan.buffers[port.buffer].place, 4 * stage.width * rows * steps
                over_time = place in ("sequence", "shifted")
                limits[part] += size / (found.bandwidth(size) if over_time else found.l2)
    gates = layers.KINDS[kind].gates
    flops = 2 * rows * steps * gates * shape.hidden * (shape.input + shape.hidden)
    return {**limits, "weight gradients": flops / found.flops, "overhead": None}


def table(content: Mapping[str, Any]) -> str:
    """A line on where it was measured, and a row for each case: milliseconds, and in brackets the limit."""
    found = content["limits"]
    rates = ", ".join(f"{name} {found[key] / 1e9:.0f} GB/s" for name, key in _BANDWIDTHS)
    about = report.where(content["machine"], found["flops"] / 1e9)
    lines = [f"{about}; {rates}; {content['measured'][:10]}", ""]
    lines.append(f"| layer | batch, time, input, hidden | training call | {' | '.join(PARTS)} |")
    lines.append("| --- " * (3 + len(PARTS)) + "|")
    for case in content["cases"]:
        shape = ", ".join(str(size) for size in case["shape"].values())
        cells = [_cell(case["parts"][p], case["least"][p]) for p in PARTS] if case["parts"] else []
        whole = f"{case['whole'] * 1e3:.2f}" if case["parts"] else "wrong result, not timed"
        lines.append(f"| {' | '.join([case['kind'], shape, whole, *cells])} |")
    return "\n".join(lines)


_BANDWIDTHS = (("L2", "l2"), ("L3", "l3"), ("memory", "memory"))


def _cell(seconds: float, limit: float | None) -> str:
    return f"{seconds * 1e3:.2f}" + ("" if limit is None else f" ({limit * 1e3:.2f})")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short measurements")
    parser.add_argument("--threads", type=int, default=2, help="threads (2)")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--from", dest="record", type=Path, help="a JSON file, in place of measuring")
    parser.add_argument("--write", type=Path, metavar="docs/engine.md", help="the page to renew")
    chosen = parser.parse_args(arguments)
    console = Console()
    if chosen.record is None:
        content = measured(chosen.threads, QUICK if chosen.quick else FULL, console)
        path = report.save(content, chosen.out / f"profile-{report.name_of(content)}")
        console.print(f"Written to {path}", highlight=False)
    else:
        content = json.loads(chosen.record.read_text())
    print(table(content))
    if chosen.write is not None:
        chosen.write.write_text(written_into(chosen.write.read_text(), table(content), BEGIN, END))
    return 1 if any(case["wrong"] for case in content["cases"]) else 0


def measured(threads: int, effort: Effort, console: Console) -> dict[str, Any]:
    """All cases, with the machine and its limits, as JSON values."""
    torch.set_num_threads(threads)
    mm = MatrixRate()
    found = limits.measure(mm, threads)
    cases = []
    for kind, shape in CASES:
        console.print(f"measuring {kind} {shape} ...", style="dim")
        cases.append(split(kind, shape, effort, found).as_json())
    content = report.document({}, machine.describe(), mm, quick=effort is QUICK)
    return {**content, "limits": found.as_json(), "cases": cases}


if __name__ == "__main__":
    sys.exit(main())
