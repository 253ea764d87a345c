"""The child's side: work that is timed when the parent asks. Needs only Python: peers have their own venv.

One line of JSON each way: the child says {"ready": …} once it can work, or {"failed": …}; to each line "run"
it answers {"seconds": …}, the median of a burst of calls after one that is not timed; "stop" ends it.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

BURST = 0.05  # seconds that a burst takes, at least


def burst(work: Callable[[], object], seconds: float | None = None) -> float:
    """The median time of a call, in seconds, over calls that take `seconds` together (None: BURST), after one
    not timed."""
    work()
    times, end = [], time.perf_counter() + (BURST if seconds is None else seconds)
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def serve(prepare: Callable[[], tuple[Callable[[], object], dict[str, Any]]]) -> None:
    """Talk to the parent until it says stop. `prepare` gives the work, and what the parent is to know of it.

    What libraries print goes to stderr.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    try:
        work, known = prepare()
    except Exception as error:  # whatever a library raises is the answer
        say({"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"})
        return
    say({"ready": known})
    for line in sys.stdin:
        if line.strip() != "run":
            return
        say({"seconds": burst(work)})
