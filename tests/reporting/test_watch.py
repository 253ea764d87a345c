"""The growing report on localhost: it shows what the run folder holds, and training does not wait for it."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from elman.errors import ArgumentError
from elman.reporting.watch import Watch
from elman.tasks.saved import open_model
from elman.train.run_folder import RunFolder


@pytest.fixture
def watch(digits: Path) -> Iterator[Watch]:
    """One that serves the finished run, as if it were still trained."""
    task, model = open_model(digits)
    served = Watch(0)
    served.begin(RunFolder(digits), task, model)
    yield served
    served.close()


def get(watch: Watch, path: str) -> str:
    """What the server answers; it has a moment to begin."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"{watch.address}{path}", timeout=10) as answer:
                return answer.read().decode()
        except ConnectionError:
            time.sleep(0.05)
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError("the server did not answer")


def test_the_page_grows_with_the_run(watch: Watch) -> None:
    page = get(watch, "")
    assert "data-live" in page
    assert "Learning curves" in page
    before = json.loads(get(watch, "state"))
    watch.start(epochs=2, steps=80, done=0)
    watch.step(1, 7, {"loss": 0.5}, 32)
    watch.epoch({"epoch": 1})
    after = json.loads(get(watch, "state"))
    assert after["version"] == before["version"] + 1
    assert after["text"] == "Epoch 1 of 2, update 7 of 80, loss 0.5000."
    part = get(watch, "main")
    assert '<section id="curves"' in part
    assert "<html" not in part


def test_an_open_page_hears_of_the_end(digits: Path) -> None:
    task, model = open_model(digits)
    watch = Watch(0)
    watch.begin(RunFolder(digits), task, model)
    get(watch, "state")
    began = time.monotonic()
    watch.close()  # waits for the page, which does not come back here, three seconds and no longer
    assert json.loads(json.dumps(watch.state()))["ended"] is True
    assert 2.0 < time.monotonic() - began < 8.0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(watch.address, timeout=5)


def test_telling_it_costs_next_to_nothing(watch: Watch) -> None:
    watch.start(epochs=2, steps=80, done=0)
    began = time.perf_counter()
    for step in range(1_000):
        watch.step(1, step, {"loss": 0.5}, 32)
    assert time.perf_counter() - began < 0.5  # an update of the smallest network takes longer than 500 µs


def test_a_port_in_use_is_an_error_before_training() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ArgumentError, match=rf"port: expected a free port.*got {port}.*by --port"):
            Watch(port)
    with pytest.raises(ArgumentError, match="port: expected a free port"):
        Watch(70_000)
