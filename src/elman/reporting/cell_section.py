"""The cell: its equations and the listing of its Program."""

from __future__ import annotations

from elman.reporting.blocks import Block, Equation, Listing, Note, Section
from elman.reporting.run import Run


def cell_section(run: Run) -> Section | None:
    """The equations of one step, as the run's options have them."""
    if run.model is None or run.model.parts.get("cell") is None:
        return None
    cell = run.model.parts["cell"]
    program = cell.program()
    about = " ".join((type(cell).__doc__ or "").strip().split("\n\n")[0].split())
    blocks: list[Block] = [Note(about)] if about else []
    from latex2mathml.converter import convert

    latex = program.latex()
    lines = [convert(line, display="block") for line in _lines(latex)]
    blocks.append(Equation("The equations of one step", "".join(lines), latex))
    blocks.append(Listing("The Program that runs", str(program)))
    return Section("cell", f"The cell: {run.settings.get('cell', '')}", blocks)


def _lines(latex: str) -> list[str]:
    """The single equations of an aligned block."""
    inside = latex.removeprefix("\\begin{aligned}").removesuffix("\\end{aligned}")
    return [line.replace("&=", "=").strip() for line in inside.split("\\\\\n") if line.strip()]
