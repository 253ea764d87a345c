"""The page on the cells says what the cells say."""

from __future__ import annotations

from docs import make_cells
from elman import cells


def test_the_page_is_current() -> None:
    assert make_cells.PAGE.read_text() == make_cells.page() + "\n", "run `python docs/make_cells.py`"


def test_it_has_every_cell_with_its_options() -> None:
    text = make_cells.page()
    for name in cells.names():
        section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for option in cells.options(name):
            assert f"| `{option}` |" in section
        for parameter in cells.create(name).program().parameters:
            assert f"`{parameter.name}` (" in section
