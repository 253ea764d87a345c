"""Pages: sections through a template into one HTML file; style, script and plotly.js stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import RunError
from elman.reporting.blocks import Section
from elman.reporting.parts import plotly_script
from elman.train.durable import write_text

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def page(title: str, subtitle: str, sections: Sequence[Section], *, live: bool = False) -> str:
    """The whole page as HTML. live: it asks the server that it comes from for news, each second."""
    environment = _environment()
    return environment.get_template("page.html.j2").render(
        title=title,
        subtitle=subtitle,
        sections=sections,
        live=live,
        style=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "page.js").read_text(encoding="utf-8"),
        plotly=plotly_script(),
    )


def main_part(sections: Sequence[Section]) -> str:
    """What stands in the page's <main>, to be put in place of what is there."""
    return _environment().get_template("main.html.j2").render(sections=sections)


def check_page(path: Path) -> None:
    """Raise `RunError` if no page can be written there; asked before the work."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise RunError(f"out: expected an HTML file in a folder that exists, got '{path}'.")


def write_page(path: Path, html: str) -> None:
    """Write a page, whole or not at all; raises `RunError` where that cannot be."""
    try:
        write_text(path, html)
    except RunError as error:
        why = getattr(error.__cause__, "strerror", None) or error
        raise RunError(f"out: '{path}' could not be written ({why}). Name another file by --out.") from error


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure_json"] = _figure_json
    return environment


def _figure_json(figure: Any) -> str:
    """A figure as JSON that may stand within a <script> element."""
    from markupsafe import Markup

    text = figure.to_json()
    assert isinstance(text, str)
    return Markup(text.replace("<", "\\u003c"))
