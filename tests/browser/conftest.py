"""A real browser, and the runs whose pages it opens; all is skipped unless ELMAN_BROWSER names a chromium."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.datasets import load_digits

import elman
from elman.tasks import task_named
from elman.tasks.jobs import train
from elman.train import flow_log
from elman.train.options import from_mapping

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser there is nothing to test; `make test-browser` names one."""
    if os.environ.get("ELMAN_BROWSER"):
        return
    skip = pytest.mark.skip(reason="ELMAN_BROWSER is not set: run make test-browser")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=os.environ["ELMAN_BROWSER"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens an address; at the end no page may have said an error."""
    errors: list[str] = []
    contexts = []

    def open_page(
        address: str,
        *,
        scheme: Any = "light",
        width: int = 1280,
        before: Callable[[Page], None] = lambda page: None,
    ) -> Page:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        before(page)
        page.goto(address)
        page.wait_for_function("document.documentElement.dataset.ready")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def trained(folder: Path, task: str, data: str, **options: object) -> Path:
    """The report of a small network, trained a moment on `data`."""
    small = {"hidden_size": 16, "epochs": 3, "seed": 1, "out": str(folder), "data": data, **options}
    chosen = from_mapping(task_named(task).options, small, origin="the test")
    train(task, chosen, Console(file=io.StringIO(), width=200))
    return elman.report(folder)


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """By name, the report of a run: images by rows, slices of real texts and series; each trained once."""
    folder = tmp_path_factory.mktemp("reports")
    made: dict[str, Path] = {}

    def report_of(name: str) -> Path:
        if name not in made:
            made[name] = _trained(folder, name)
        return made[name]

    return report_of


def _trained(folder: Path, name: str) -> Path:
    if name == "images":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(flow_log, "MOST_SHARE", 100.0)  # so short a training is measured several times
            return trained(folder / name, "classify", "digits", cell="gru", flow=20, learning_rate=0.02)
    if name == "rnn":
        return trained(folder / name, "classify", "digits", cell="rnn")
    if name == "regress":
        images = load_digits().images / 16  # type: ignore[attr-defined]
        np.savez(folder / "ink.npz", X=images, y=images.sum((1, 2)))
        return trained(folder / name, "regress", str(folder / "ink.npz"), cell="gru")
    source = Path(os.environ["ELMAN_DATA"])
    if name == "text":
        return trained(folder / name, "classify", str(source / "sst2" / "dev.tsv"), cell="gru")
    if name == "forecast":
        table = folder / "ETTh1.csv"
        table.write_text(_head(source / "ett" / "ETTh1.csv.gz", 1_500))
        return trained(folder / name, "forecast", str(table), horizon=24, lookback=96, target="OT")
    if name == "tag":
        table = folder / "sentences.tsv"
        table.write_text(_head(source / "ud_english_ewt" / "dev.tsv.gz", 2_500))
        return trained(folder / name, "tag", str(table), cell="gru")
    text = folder / "plays.txt"
    text.write_text((source / "tiny_shakespeare" / "input.txt").read_text()[:30_000])
    return trained(folder / name, "generate", str(text))


def _head(path: Path, lines: int) -> str:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return "".join(line for _, line in zip(range(lines), file, strict=False))
