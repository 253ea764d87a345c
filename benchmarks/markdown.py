"""A result file as tables for README.md: `python -m benchmarks.markdown benchmarks/results/FILE.json`.

With `--write README.md` they take the place of what stands there between the two marks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from elman.bench.report import where

BEGIN = "<!-- speed: written by `python -m benchmarks.markdown FILE.json --write README.md` -->"
END = "<!-- /speed -->"
Rows = Sequence[Mapping[str, Any]]


def markdown(content: Mapping[str, Any]) -> str:
    """A line on where it was measured, and the table of each section."""
    about = where(content["machine"], content["mm_gflops_per_second"])
    parts = [f"{about}; {content['measured'][:10]}"]
    parts += [TABLES[name](rows) for name, rows in content["sections"].items() if rows and name in TABLES]
    return "\n\n".join(parts)


def layers(rows: Rows) -> str:
    """A row for each layer and shape, a column for each mode.

    A cell gives elman's time and, in brackets, how many times as fast as torch.nn that is.
    """
    modes = list(dict.fromkeys(row["mode"] for row in rows))
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        groups.setdefault((row["what"], _shape(row)), {})[row["mode"]] = _layer(row)
    body = [[kind, shape, *(cells.get(m, "") for m in modes)] for (kind, shape), cells in groups.items()]
    return _table(["layer", "batch, time, input, hidden", *modes], body)


def _layer(row: Mapping[str, Any]) -> str:
    if row["wrong"]:
        return "wrong result, not timed"
    return f"{_ms(row['times']['elman'])} ({row['figures']['ratio']['value']:.2f} ×)"


def _shape(row: Mapping[str, Any]) -> str:
    return ", ".join(str(size) for size in row["shape"].values())


def _ms(times: Mapping[str, float]) -> str:
    return f"{times['median'] * 1e3:.2f} ms"


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TABLES: Mapping[str, Callable[[Rows], str]] = {"layers": layers}


def written_into(text: str, tables: str) -> str:
    """`text` with `tables` between the two marks; raises ValueError where they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"expected the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.markdown", description=__doc__)
    parser.add_argument("record", type=Path, help="a JSON file of `make bench`")
    parser.add_argument("--write", type=Path, metavar="README.md", help="the document to renew")
    chosen = parser.parse_args(arguments)
    tables = markdown(json.loads(chosen.record.read_text()))
    if chosen.write is None:
        print(tables)
    else:
        chosen.write.write_text(written_into(chosen.write.read_text(), tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
