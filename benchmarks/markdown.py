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

from benchmarks.sections import SECTIONS
from elman.bench.record import Figure
from elman.bench.report import where

BEGIN = "<!-- speed: written by `python -m benchmarks.markdown FILE.json --write README.md` -->"
END = "<!-- /speed -->"
Rows = Sequence[Mapping[str, Any]]


def markdown(content: Mapping[str, Any]) -> str:
    """A line on where it was measured, and for each section its title, what its columns mean, its table."""
    about = where(content["machine"], content["mm_gflops_per_second"])
    parts = [f"{about}; {content['measured'][:10]}"]
    for name, rows in content["sections"].items():
        if rows:
            parts += [f"**{SECTIONS[name].title}.** {SECTIONS[name].note}", TABLES[name](rows)]
        if name == "layers" and content.get("means"):
            parts.append(_means(content["means"]))
    return "\n\n".join(parts)


def _means(means: Mapping[str, Mapping[str, Any]]) -> str:
    """The geometric means in one line."""
    shown = [f"{name} {mean['value']:.2f} ×" for name, mean in means.items()]
    return f"Geometric means: {', '.join(shown)}."


def layers(rows: Rows) -> str:
    """A row for each layer and shape, a column for each mode.

    A cell gives elman's time and, in brackets, how many times as fast as torch.nn that is.
    """
    modes = list(dict.fromkeys(row["mode"] for row in rows))
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        groups.setdefault((row["what"], _shape(row)), {})[row["mode"]] = _layer(row)
    body = [[kind, shape, *(cells.get(m, "") for m in modes)] for (kind, shape), cells in groups.items()]
    return markdown_table(["layer", "batch, time, input, hidden", *modes], body)


def _layer(row: Mapping[str, Any]) -> str:
    if row["wrong"]:
        return "wrong result, not timed"
    return f"{_ms(row['times']['elman'])} ({row['figures']['ratio']['value']:.2f} ×)"


def _shape(row: Mapping[str, Any]) -> str:
    return ", ".join(str(size) for size in row["shape"].values())


def _ms(times: Mapping[str, float]) -> str:
    return f"{times['median'] * 1e3:.2f} ms"


def markdown_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figures(rows: Rows) -> str:
    """A row for each case: elman's time, and each figure or what stands in its place."""
    names = list(dict.fromkeys(name for row in rows for name in row["figures"]))
    body = []
    for row in rows:
        time = _ms(row["times"]["elman"]) if "elman" in row["times"] else ""
        time = "wrong result, not timed" if row["wrong"] else time
        cells = [
            _figure(row["figures"][n]) if n in row["figures"] else row["notes"].get(n, "") for n in names
        ]
        body.append([row["what"], _shape(row), time, *cells])
    return markdown_table(["layer", "batch, time, input, hidden", "elman", *names], body)


def ranges(rows: Rows) -> str:
    """A row for each layer and mode: from the smallest to the largest of each figure over the shapes."""
    names = list(dict.fromkeys(name for row in rows for name in row["figures"]))
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["what"], row["mode"]), []).append(row)
    body = []
    for (what, mode), group in groups.items():
        shapes = "; ".join(dict.fromkeys(map(_shape, group)))
        cells = []
        for name in names:
            found = sorted(
                (r["figures"][name] for r in group if name in r["figures"]), key=lambda f: f["value"]
            )
            ends = dict.fromkeys([_figure(found[0]), _figure(found[-1])] if found else [])
            cells.append(
                " – ".join(ends) or next((r["notes"][name] for r in group if name in r["notes"]), "")
            )
        count = sum(bool(row["wrong"]) for row in group)
        body.append(
            [what, mode, shapes, *cells] if not count else [what, mode, shapes, f"{count} wrong", *cells[1:]]
        )
    return markdown_table(["layer", "mode", "batch, time, input, hidden", *names], body)


def _figure(figure: Mapping[str, Any]) -> str:
    """As the program shows it."""
    return str(Figure(figure["value"], figure["unit"])) + {"times": " ×", "MB": " MB"}.get(figure["unit"], "")


TABLES: Mapping[str, Callable[[Rows], str]] = {
    "layers": layers,
    "variants": figures,
    "steps": figures,
    "threads": ranges,
    "precision": ranges,
    "memory": figures,
    "growth": figures,
    "ragged": ranges,
}


def written_into(text: str, tables: str, begin: str = BEGIN, end: str = END) -> str:
    """`text` with `tables` between the two marks; raises ValueError where they are missing."""
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"expected the marks {begin} and {end}")
    return f"{before}{begin}\n\n{tables}\n\n{end}{after}"


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
