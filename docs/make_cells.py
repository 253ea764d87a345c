"""Writes cells.md, the page on the cells, from the cells themselves: `python docs/make_cells.py`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from elman import cells
from elman.cells import Cell
from elman.program import Parameter

PAGE = Path(__file__).with_name("cells.md")
HEAD = """# The cells

<!-- `python docs/make_cells.py` writes this page from the cells' own files; a test holds it to them. -->

Each is a layer by its class, `elman.nn.GRU(8, 64, reset_after=False)`, or by its name,
`elman.nn.Recurrent("gru", 8, 64)`; `elman.cells.create("gru", reset_after=False)` is the cell alone.
I, H and P are the features of the input, of the hidden state and of a projection (the layer's `proj_size`);
gates are blocks of a parameter's rows, counted from 0 in the equations. What stands here is for the default
options; `print(cell.program())` and `cell.program().latex()` show any others. The first state is the output.
`bias=False` leaves out every `bias_…`.
"""


def page() -> str:
    """The whole page."""
    contents = ", ".join(f"[{name}](#{name})" for name in cells.names())
    return "\n".join([HEAD, contents, *(section(name) for name in cells.names())])


def section(name: str) -> str:
    """One cell: what it is, its equations, parameters, states and options."""
    cell = cells.create(name)
    program = cell.program()
    parameters = ", ".join(f"`{p.name}` {shape(p)}" for p in program.parameters)
    states = ", ".join(f"{state.name} ({state.width})" for state in program.states)
    about, options = described(cell)
    parts = [
        f"\n## {name}\n",
        f"`{type(cell).__name__}`: {about}\n",
        f"$$\n{program.latex()}\n$$\n",
        f"Parameters: {parameters}.  \nStates: {states}.",
    ]
    if options:
        parts.append("\n| option | default | |\n| --- | --- | --- |")
        parts += [f"| `{option}` | `{shown(default)}` | {text} |" for option, default, text in options]
    return "\n".join(parts)


def shape(parameter: Parameter) -> str:
    """In symbols, such as (4H, I)."""
    rows = parameter.width if parameter.gates == 1 else f"{parameter.gates}{parameter.width}"
    if parameter.columns is None:
        return f"({rows})"
    return (
        f"({rows}, {parameter.columns})" if parameter.heads == 1 else f"({rows}, {parameter.columns} / heads)"
    )


def shown(default: object) -> str:
    """A default as one would write it."""
    return f"{default:.4g}" if isinstance(default, float) else repr(default)


def described(cell: Cell) -> tuple[str, list[tuple[str, object, str]]]:
    """The docstring's text, and (name, default, description) of each option."""
    about, _, arguments = inspect.cleandoc(type(cell).__doc__ or "").partition("\n\nArgs:\n")
    texts: dict[str, str] = {}
    for names, text in re.findall(r"^    (\w[\w, ]*): (.*(?:\n     +.*)*)", arguments, flags=re.MULTILINE):
        texts |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    defaults = {name: p.default for name, p in inspect.signature(type(cell)).parameters.items()}
    return about, [(name, default, texts[name].replace("|", r"\|")) for name, default in defaults.items()]


if __name__ == "__main__":
    PAGE.write_text(page() + "\n")
