"""The pages of docs/learn keep their word: their code runs from top to bottom and draws their pictures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs/learn").glob("[0-9]*.md"))


def pictures(text: str) -> set[str]:
    return set(re.findall(r"!\[[^\]]+\]\(pictures/([^)]+)\)", text))


def test_the_pages_are_found() -> None:
    assert len(PAGES) == 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pictures_are_there_and_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    assert pictures(text)
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert link.startswith("http") or (page.parent / link).exists(), link


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_runs_and_draws_the_pictures(page: Path, tmp_path: Path) -> None:
    runner = page.parent / "run.py"
    done = subprocess.run(
        [sys.executable, str(runner), str(page), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.glob("*.png")} == pictures(page.read_text())
