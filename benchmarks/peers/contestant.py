"""The parent's side: a contestant in a process of its own, with a limit on how long it may prepare."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class UnavailableError(Exception):
    """The contestant cannot take part, and why, in a few words for the table."""


class Contestant:
    """A process that does some work when it is called, and says how long that took.

    Raises `UnavailableError` where it is not ready after `limit` seconds, or says that it cannot be. Use it
    as a context manager: at the end the process is gone, with all that it started.
    """

    def __init__(
        self, command: Sequence[str], limit: float, doing: str = "start", **environment: str
    ) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            answer = self._answer(limit, f"did not {doing} in {limit:.0f} s")
            if "failed" in answer:
                raise UnavailableError(f"cannot {doing}: {answer['failed']}")
        except UnavailableError:
            self.stop()
            raise
        #: what the child says of its work
        self.known: Mapping[str, Any] = answer["ready"]

    def __call__(self) -> float:
        """Seconds of one call, the median of a burst in the process."""
        self._say("run")
        return float(self._answer(600, "did not answer in 600 s")["seconds"])

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _answer(self, limit: float, late: str) -> dict[str, Any]:
        assert self._process.stdout is not None
        end = time.monotonic() + limit
        line = b""
        while not line.endswith(b"\n"):
            if not select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                raise UnavailableError(late)
            part = os.read(self._process.stdout.fileno(), 65536)
            if not part:
                raise UnavailableError(f"ended with status {self._process.wait()}")
            line += part
        return json.loads(line)

    def stop(self) -> None:
        """End the process and its own."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Contestant:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
