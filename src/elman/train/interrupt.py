"""Ctrl-C: the first asks the loop to stop at the next safe place, the second stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any


class Interrupt:
    """While entered, remembers a first Ctrl-C in `requested` instead of raising `KeyboardInterrupt`.

    notice: called once, at the first. Outside the main thread, where signals cannot be caught, it does
        nothing.
    """

    def __init__(self, notice: Callable[[], None] = lambda: None) -> None:
        self.requested = False
        self._notice = notice
        self._former: Any = None

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self._notice()
