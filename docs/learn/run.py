"""Runs the code of pages, as a reader would from top to bottom: `python docs/learn/run.py [PAGE …]`.

Pictures are written into docs/learn/pictures, or into the folder after --out.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

HERE = Path(__file__).parent


def code(page: Path) -> str:
    """The page's Python blocks, each at its own lines, so that an error names the line of the page."""
    lines: list[str] = []
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "fence" and token.info == "python" and token.map is not None:
            lines += [""] * (token.map[0] + 1 - len(lines))
            lines += token.content.splitlines()
    return "\n".join(lines)


def run(page: Path, folder: Path) -> None:
    """Run a page's code in `folder`, where its pictures come to lie."""
    import matplotlib

    matplotlib.use("agg")
    source = compile(code(page), str(page), "exec")
    before = Path.cwd()
    os.chdir(folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(source, names)
    finally:
        os.chdir(before)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", type=Path, help="all unless given")
    parser.add_argument("--out", type=Path, default=HERE / "pictures")
    given = parser.parse_args()
    for page in given.pages or sorted(HERE.glob("[0-9]*.md")):
        began = time.perf_counter()
        print(f"== {page.name}", flush=True)
        run(page.resolve(), given.out.resolve())
        print(f"== {page.name}: {time.perf_counter() - began:.0f} s", flush=True)
