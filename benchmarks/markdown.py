"""A result file as a table for README.md: `python -m benchmarks.markdown benchmarks/results/FILE.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.report import where


def markdown(content: dict[str, Any]) -> str:
    """A line on where it was measured, and a row for each layer and shape, a column for each mode.

    A cell gives elman's time and, in brackets, how many times as fast as torch.nn that is.
    """
    about = where(content["machine"], content["mm_gflops_per_second"])
    lines = [f"{about}; {content['measured'][:10]}", ""]
    modes = list(dict.fromkeys(row["case"]["mode"] for row in content["rows"]))
    lines.append(f"| layer | batch, time, input, hidden | {' | '.join(modes)} |")
    lines.append("| --- " * (2 + len(modes)) + "|")
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for row in content["rows"]:
        case = row["case"]
        shape = ", ".join(str(size) for size in case["shape"].values())
        groups.setdefault((case["kind"], shape), {})[case["mode"]] = _cell(row)
    for (kind, shape), cells in groups.items():
        lines.append(f"| {kind} | {shape} | {' | '.join(cells.get(mode, '') for mode in modes)} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    if row["ratio"] is None:
        return "wrong result, not timed"
    return f"{row['libraries']['elman']['median'] * 1e3:.2f} ms ({row['ratio']:.2f} ×)"


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text())))
