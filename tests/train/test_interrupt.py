"""Ctrl-C: the first asks, the second stops; afterwards everything is as it was."""

from __future__ import annotations

import signal
import threading

import pytest

from elman.train.interrupt import Interrupt


def test_the_first_asks_and_the_second_stops() -> None:
    former = signal.getsignal(signal.SIGINT)
    said: list[str] = []
    with Interrupt(lambda: said.append("stopping")) as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert said == ["stopping"]
    assert signal.getsignal(signal.SIGINT) is former


def test_outside_the_main_thread_it_does_nothing() -> None:
    asked: list[bool] = []

    def work() -> None:
        with Interrupt() as interrupt:
            asked.append(interrupt.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [False]
