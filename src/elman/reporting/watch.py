"""`elman train --watch`: the growing report on localhost, while training runs and does not wait for it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from elman.errors import ArgumentError
from elman.reporting.blocks import Section
from elman.reporting.cell_section import cell_section
from elman.reporting.curves import learning_curves
from elman.reporting.overview import overview, result_figures
from elman.reporting.page import main_part, page
from elman.reporting.parts import PACKAGES, SERVER, need
from elman.reporting.report import title_of
from elman.reporting.reproduce import reproduce
from elman.reporting.run import Run, read_files
from elman.reporting.seen import inside_sections
from elman.tasks.task import Model, Task
from elman.train.display import Display
from elman.train.run_folder import RunFolder

HOST = "127.0.0.1"
FAREWELL_SECONDS = 3.0  # how long an open page is given to fetch the end


class Watch(Display):
    """A server in a thread of its own. It reads the run folder; of the training it hears the figures alone.

    port: 0 for any that is free. Raises `ArgumentError` for one in use, before anything is trained, and
    `MissingError` without the extra "report".
    """

    def __init__(self, port: int) -> None:
        need((*PACKAGES, *SERVER), what="--watch")
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self.address = f"http://{HOST}:{self.port}/"
        self.version, self.text, self.ended = 0, "Training begins.", False
        self._asked = self._fetched = 0.0
        self._steps = self._epochs = 0
        self._run: Run | None = None
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def begin(self, folder: RunFolder, task: Task[Any, Any], model: Model) -> Display:
        """Serve that folder from here on; what is given back is told of the training."""
        import uvicorn

        self._run = Run(folder.path, dict(model.about["options"]), task=task, model=model)
        config = uvicorn.Config(
            _application(self), log_level="critical", ws="none", lifespan="off", access_log=False
        )
        self._server = uvicorn.Server(config)
        keywords = {"sockets": [self._socket]}
        self._thread = threading.Thread(target=self._server.run, kwargs=keywords, daemon=True, name="watch")
        self._thread.start()
        return self

    # what the loop says

    def start(self, epochs: int, steps: int, done: int, unit: str = "sequences") -> None:
        self._epochs, self._steps = epochs, steps

    def step(self, epoch: int, step: int, figures: Mapping[str, float], sequences: int) -> None:
        said = (
            f"Epoch {epoch} of {self._epochs}, update {step:,} of {self._steps:,}, loss {figures['loss']:.4f}"
        )
        self.text = f"{said}."

    def epoch(self, record: Mapping[str, Any]) -> None:
        self.version += 1

    def stop(self) -> None:
        self.text = "Training has ended; the result is being measured."

    def close(self) -> None:
        """Tell an open page that this is the end, and stop serving."""
        self.text = "Training has ended. `elman report` writes the whole report of this run."
        self.version += 1
        self.ended = True
        ended = time.monotonic()
        if self._thread is not None:
            followed = ended - self._asked < FAREWELL_SECONDS
            while followed and self._fetched < ended and time.monotonic() - ended < FAREWELL_SECONDS:
                time.sleep(0.05)
            self._server.should_exit = True
            self._thread.join(timeout=FAREWELL_SECONDS)
        self._socket.close()

    # what the page asks for

    def state(self) -> dict[str, Any]:
        """The line on top, and a number that grows when the sections have changed."""
        self._asked = time.monotonic()
        return {"version": self.version, "text": self.text, "ended": self.ended}

    def sections(self) -> list[Section]:
        """The sections that the run folder has something for by now."""
        assert self._run is not None
        self._fetched = time.monotonic()
        run = read_files(self._run.path, self._run.settings)
        run.task, run.model = self._run.task, self._run.model
        found = [overview(run), result_figures(run), learning_curves(run), *inside_sections(run)]
        found += [cell_section(run), reproduce(run)]
        return [section for section in found if section is not None]

    def page(self) -> str:
        """The whole page."""
        assert self._run is not None
        subtitle = f"elman, run folder {self._run.path}, while it is trained"
        return page(title_of(self._run), subtitle, self.sections(), live=True)


def _application(watch: Watch) -> Any:
    from fastapi import FastAPI
    from fastapi.responses import HTMLResponse

    application = FastAPI(openapi_url=None)
    application.get("/", response_class=HTMLResponse)(watch.page)
    application.get("/main", response_class=HTMLResponse)(lambda: main_part(watch.sections()))
    application.get("/state")(watch.state)
    return application


def _listening(port: int) -> socket.socket:
    """A socket that listens on localhost alone."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen()  # who comes while the data are still read waits for the page
    except (OSError, OverflowError) as error:
        listening.close()
        raise ArgumentError(
            f"port: expected a free port of this machine (0 for any), got {port} "
            f"({getattr(error, 'strerror', None) or error}). Name another by --port."
        ) from None
    return listening
