"""Commands about the library itself: `elman cells`, `elman bench`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from elman.cli.arguments import parse_job
from elman.cli.terminal import terminal


def cells(given: list[str]) -> int:
    """`elman cells`; the exit code."""
    from elman.cells import create, names

    for name in names():
        cell = type(create(name))
        about = (cell.__doc__ or "").strip().splitlines()
        print(f"{name:<12} {about[0] if about else ''}")
        options = inspect.signature(cell).parameters.values()
        own = [option for option in options if option.name != "projection"]  # a width, for layers alone
        if own:
            print(f"{'':<12} options: {', '.join(f'{o.name}={_shown(o.default)}' for o in own)}")
    print("\nChange options with --cell NAME --cell-options OPTION=VALUE,…; docs/cells.md tells of each.")
    return 0


def _shown(value: object) -> str:
    """As `--cell-options` takes it."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class _Bench:
    """Time the layers beside torch.nn's on this machine, in under two minutes. What is wrong is not timed."""

    cell: tuple[str, ...] = ()
    """rnn, gru, lstm: only these."""
    shape: tuple[str, ...] = ()
    """Sizes as BxTxIxH (sequences, steps, input, hidden), such as 32x100x128x128; else four small ones."""
    mode: tuple[str, ...] = ()
    """inference, training: only one of them."""
    threads: int | None = None
    """Threads of both libraries; by default as many as torch takes."""
    seconds: float = 100.0
    """Cases that would begin later than this are left out, and named."""
    out: str | None = None
    """A JSON file to write the figures to."""


def bench(given: list[str]) -> int:
    """`elman bench`; the exit code."""
    options = parse_job(_Bench, given, "elman bench")
    from elman.bench.command import bench

    return bench(terminal(), **vars(options))
