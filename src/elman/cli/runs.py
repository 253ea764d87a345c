"""Commands on a run: `elman evaluate`, `predict`, `inspect`, `generate`, `report`, `compare`."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from elman.cli.arguments import parse_job
from elman.cli.terminal import terminal


@dataclass(frozen=True)
class _Evaluate:
    """Measure a model on labelled data."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    data: str | None = None
    """A named data set (its test part), a file, or a folder; unless given, the run's own test part."""
    out: str | None = None
    """A JSON file to write the figures to."""


def evaluate(given: list[str]) -> int:
    """`elman evaluate RUN`; the exit code."""
    options = parse_job(_reading(_Evaluate, given), given, "elman evaluate")
    from elman.tasks.using import evaluate

    evaluate(console=terminal(), **vars(options))
    return 0


@dataclass(frozen=True)
class _Predict:
    """Write what a model says on data without labels."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    data: str | None = None
    """A named data set (its test part), a file, or a folder; unless given, the run's own test part."""
    out: str | None = None
    """The CSV file to write; predictions.csv in the run folder unless given."""
    overwrite: bool = False
    """Replace that file if it exists."""


def predict(given: list[str]) -> int:
    """`elman predict RUN`; the exit code."""
    options = parse_job(_reading(_Predict, given), given, "elman predict")
    from elman.tasks.using import predict

    predict(console=terminal(), **vars(options))
    return 0


@dataclass(frozen=True)
class _Inspect:
    """Look inside a model: gradients through time, memory, gates, units, attribution, and what is wrong."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    data: str | None = None
    """A named data set (its test part), a file, or a folder; unless given, the run's own training data."""
    batch: int = 0
    """The first batch of the data that is looked at."""
    batches: int | None = None
    """How many are, from that one on; until 256 sequences or 20,000 steps were seen unless given."""
    step: int | None = None
    """The output step on which the influence of earlier ones is measured; the last unless given."""
    share: float = 0.01
    """Share of the influence of a state on itself below which nothing is remembered."""
    explain: int | None = None
    """Sequences of the first batch whose answers are explained step by step; 2 where captum is installed."""


def inspect(given: list[str]) -> int:
    """`elman inspect RUN`; the exit code."""
    options = parse_job(_reading(_Inspect, given), given, "elman inspect")
    from elman.inspect.command import inspect

    inspect(console=terminal(), **vars(options))
    return 0


def _reading(job: type[Any], given: list[str]) -> type[Any]:
    """The options of a job on a run with those about the form of data that the task of the run has."""
    run = next((argument for argument in given if not argument.startswith("-")), None)
    if run is None or given[0] != run:
        return job  # without a run in front only the help can be shown, or an error
    from elman.tasks.using import reading_options

    extra: list[Any] = []
    for name, kind, before in reading_options(run):
        about = tyro.conf.arg(help="Where it differs from training" + f" ({before})." * (before is not None))
        own = field(default=None, metadata={"flag": kind is bool})
        extra.append((name, Annotated[kind | None, about], own))
    return make_dataclass(job.__name__, extra, bases=(job,), frozen=True)


@dataclass(frozen=True)
class _Generate:
    """Write on from a prompt with a language model; the text appears as it comes."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    prompt: str = ""
    """The text to go on from."""
    length: int = 500
    """Tokens to write."""
    temperature: float = 1.0
    """Below 1 it keeps closer to what is probable; 0 always takes the most probable."""
    top_k: int | None = None
    """Draw among so many of the most probable tokens only."""
    top_p: float | None = None
    """Draw among the most probable tokens that have this share together."""
    seed: int | None = None
    """For the same text each time."""


def generate(given: list[str]) -> int:
    """`elman generate RUN`: the text, then on stderr how fast it came; the exit code."""
    options = parse_job(_Generate, given, "elman generate")
    from elman.tasks.generating.writing import generate

    pieces = generate(**vars(options))
    sys.stdout.write(options.prompt)
    characters, began = 0, time.perf_counter()
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
        characters += len(piece)
    seconds = time.perf_counter() - began
    print()
    rate = f"{characters / max(seconds, 1e-9):,.0f} a second"
    print(f"{characters:,} characters in {seconds:.1f} s, {rate}", file=sys.stderr)
    return 0


@dataclass(frozen=True)
class _Report:
    """Write all that is known of a run as one HTML file, which needs no network."""

    run: tyro.conf.Positional[str]
    """The run folder."""
    data: str | None = None
    """Data to show the result on: a named data set (its test part), a file or a folder; else its own."""
    out: str | None = None
    """The HTML file to write; report.html in the run folder unless given."""
    inspect: bool = True
    """Look inside the network where `elman inspect` has not."""


def report(given: list[str]) -> int:
    """`elman report RUN`; the exit code."""
    options = parse_job(_Report, given, "elman report")
    from elman.reporting import report

    path = report(**vars(options))
    terminal().print(f"report written to {path}", highlight=False, soft_wrap=True)
    return 0


@dataclass(frozen=True)
class _Compare:
    """Show 2 to 20 runs side by side, here and as one HTML file."""

    runs: tyro.conf.Positional[tuple[str, ...]]
    """The run folders."""
    out: str = "compare.html"
    """The HTML file to write."""


def compare(given: list[str]) -> int:
    """`elman compare RUN RUN …`; the exit code."""
    options = parse_job(_Compare, given, "elman compare")
    from elman.reporting.compare import comparison_page, read_runs, terminal_table
    from elman.reporting.page import write_page

    console, out = terminal(), Path(options.out)
    runs = read_runs(options.runs, out)
    console.print(terminal_table(runs))
    write_page(out, comparison_page(runs))
    console.print(f"page written to {out}", highlight=False, soft_wrap=True)
    return 0
