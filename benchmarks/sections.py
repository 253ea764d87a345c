"""The sections of the benchmark by name. A new one is a function from a Context to rows, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks import grid, lengths, memory, precision, steps, threads, variants
from benchmarks.context import Context
from elman.bench.record import Row


@dataclass(frozen=True)
class Section:
    """Rows of one kind, and what their columns mean."""

    title: str
    note: str
    rows: Callable[[Context], Iterator[Row]]


SECTIONS = {
    "layers": Section(
        "Layers beside torch.nn's",
        "Ratio: torch / elman, above 1 where elman is faster; of mm: elman's rate beside torch.mm's.",
        grid.rows,
    ),
    "variants": Section(
        "Gated variants",
        "Over plain: elman's time over that of a plain cell with as many gates (Jordan: RNN). The others: "
        "how many times as fast elman is as a loop of torch operators, and as that loop under torch.compile.",
        variants.rows,
    ),
    "steps": Section(
        "Whole training steps on images by rows",
        "A softmax head on the last output, and Adam. How many times as fast elman's step is as plain "
        "torch's, and as that of the fastest of Keras's backends, each in its own process and fastest way.",
        steps.rows,
    ),
    "threads": Section(
        "Two threads beside one",
        "How many times as fast elman is on two threads as on one.",
        threads.rows,
    ),
    "precision": Section(
        "bfloat16 products under autocast",
        "How many times as fast elman trains as in its own float32.",
        precision.rows,
    ),
    "memory": Section(
        'memory="low"',
        "MB: what a training call takes at its highest over what was there before, by the high-water mark of "
        "a fresh process; output, gradients and workspaces are in it.",
        memory.rows,
    ),
    "growth": Section(
        "A hundred times as many steps",
        "Cost of a step over 10,000 beside one over 100 (memory: over 1,000). Below 1 where a short run has "
        "a price of its own.",
        lengths.growth,
    ),
    "ragged": Section(
        "Ragged batches",
        "Lengths drawn evenly from 1 to T: the cost of a real step, in steps of the full batch.",
        lengths.ragged,
    ),
}
