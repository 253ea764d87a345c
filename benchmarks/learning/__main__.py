"""All evidence: `python -m benchmarks.learning` shows what was measured; names of scripts run those anew.

`--write README.md` puts the table between its two marks.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.learning.evidence import RESULTS
from benchmarks.markdown import markdown_table, written_into

HERE = Path(__file__).resolve().parent
BEGIN = "<!-- learning: written by `python -m benchmarks.learning --write README.md` -->"
END = "<!-- /learning -->"


def scripts() -> list[str]:
    """The names of the scripts of this folder."""
    others = ("__init__", "__main__", "evidence")
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in others)


def records() -> list[Mapping[str, Any]]:
    """What the scripts have kept, by name."""
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]


def table(kept: Sequence[Mapping[str, Any]]) -> str:
    """A row for each figure; the script and its command in the first of its rows."""
    rows = []
    for record in kept:
        named = [f"`{record['name']}`", f"`{record['command']}`"]
        for figure in record["figures"]:
            sign = "≤" if figure["lower"] else "≥"
            digits = figure["digits"]
            measured = f"{figure['value']:.{digits}f}" + ("" if figure["reached"] else " (missed)")
            target = f"{sign} {figure['target']:.{digits}f}"
            rows.append([named[0], figure["name"], measured, target, figure["source"], named[1]])
            named = ["", ""]
    return markdown_table(["script", "figure", "measured", "target", "beside it", "command"], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("scripts", nargs="*", metavar="NAME", help=f"{', '.join(scripts())}, or all")
    parser.add_argument("--write", type=Path, metavar="README.md", help="the document to renew")
    chosen = parser.parse_args(arguments)
    named = scripts() if chosen.scripts == ["all"] else chosen.scripts
    for name in named:
        if name not in scripts():
            parser.error(f"no script {name!r}; there are {', '.join(scripts())}")
    failed = [
        n for n in named if subprocess.run([sys.executable, "-m", f"benchmarks.learning.{n}"]).returncode
    ]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    if chosen.write is not None:
        text = chosen.write.read_text()
        chosen.write.write_text(written_into(text, table(records()), BEGIN, END))
    elif not named:
        print(table(records()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
