"""Which command was asked for, and how it ends.

What is slow to import is imported once it is needed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from elman import __version__
from elman.cli import about, runs, training
from elman.cli.terminal import complain
from elman.errors import ElmanError, unknown

Command = Callable[[list[str]], int]

USAGE = """elman: recurrent neural networks, whole.

  elman train TASK --data DATA [--out RUN]         learn from data; the model goes into a run folder
  elman train TASK --config FILE.toml              the same, with options from a file
  elman train TASK --out RUN --resume              go on with a run that was stopped
  elman train TASK --data DATA --watch             show the growing report in the browser
  elman tune TASK --data DATA --trials 30          try options, and say which matter
  elman evaluate RUN [--data DATA]                 how a model does on its test data, or on others
  elman predict RUN --data DATA [--out FILE.csv]   what a model says on data without labels
  elman inspect RUN [--data DATA]                  gradients through time, memory, gates, units, a doctor
  elman generate RUN --prompt TEXT                 what a language model writes
  elman report RUN [--data DATA] [--out FILE]      all that is known of a run, as one HTML file
  elman compare RUN RUN … [--out FILE]             runs side by side, here and as an HTML file
  elman cells                                      the recurrent cells
  elman bench [--out FILE.json]                    how fast the layers are on this machine, beside torch.nn's
  elman --version

`elman train TASK --help` lists all options; --debug shows the whole trace of an error.
"""

#: by name: takes what stands behind it, gives the exit code
COMMANDS: dict[str, Command] = {
    "train": training.train,
    "tune": training.tune,
    "evaluate": runs.evaluate,
    "predict": runs.predict,
    "inspect": runs.inspect,
    "generate": runs.generate,
    "report": runs.report,
    "compare": runs.compare,
    "cells": about.cells,
    "bench": about.bench,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 unexpected, 2 something wrong with what was given, 130 stopped."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    try:
        code = _run(given)
        sys.stdout.flush()  # here, where a reader that has gone is still answered for
    except ElmanError as error:
        if debug:
            raise
        complain(str(error))
        code = 2
    except KeyboardInterrupt:
        if debug:
            raise
        complain("stopped at once; what was saved before is whole.")
        code = 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _run(given: list[str]) -> int | str | None:
    """The exit code; what shows help ends by `SystemExit`."""
    try:
        return _dispatch(given)
    except SystemExit as ending:
        return ending.code


def _dispatch(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if given[0] in ("-V", "--version", "version"):
        print(f"elman {__version__}")
        return 0
    if given[0] not in COMMANDS:
        raise unknown("command", given[0], COMMANDS)
    return COMMANDS[given[0]](given[1:])
