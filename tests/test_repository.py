"""What stands beside the code keeps its word: the README's code runs, versions agree, paths exist."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

import elman
from elman.backends import native

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


def test_the_engine_is_built() -> None:
    assert native.missing() == ""


@pytest.mark.slow
def test_the_code_of_the_readme_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 3
    program = tmp_path / "readme.py"
    program.write_text("\n".join(blocks))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    right = re.search(r"right on ([\d.]+)%", done.stdout)
    assert right is not None
    assert float(right[1]) > 90
    assert (tmp_path / "runs" / "digits").exists()


def test_versions_agree() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{elman.__version__}"' in project


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+(; python_version (<|>=) '3\.11')?", entry), entry
    pinned = {entry.partition("==")[0] for entry in entries}
    needed = {plain(re.split(r"[\s\[<>=!~;]", line)[0]) for line in requires("elman") or []}
    needed -= {"elman"}  # the extra `dev` brings the other extras
    assert needed
    assert needed <= pinned


def test_make_lists_its_targets() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in (
        "setup",
        "demo",
        "test",
        "test-browser",
        "lint",
        "bench",
        "bench-peers",
        "sanitize",
        "clean",
    ):
        assert f"make {target} " in shown


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/engine.md"])
def test_links_and_paths_in_the_documents_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    local = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    paths = [
        path for path in re.findall(r"`((?:src|tests|csrc|benchmarks)/[\w./]*)`", text) if "FILE" not in path
    ]
    for path in local + paths:
        assert (ROOT / path).exists(), path
