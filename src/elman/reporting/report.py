"""`elman report RUN`: everything known of a run, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elman.errors import ElmanError
from elman.inspect.run import Inspection, inspect_run
from elman.reporting.blocks import Section
from elman.reporting.cell_section import cell_section
from elman.reporting.curves import learning_curves
from elman.reporting.overview import overview, result_figures
from elman.reporting.page import check_page, page, write_page
from elman.reporting.parts import need
from elman.reporting.reproduce import reproduce
from elman.reporting.results import result_sections
from elman.reporting.run import Run, read_run
from elman.reporting.seen import inside_sections
from elman.reporting.speed import speed_section
from elman.train.run_folder import REPORT


def report(
    run: str | Path, *, data: str | None = None, out: str | Path | None = None, inspect: bool = True
) -> Path:
    """Write the report of a run folder as one HTML file that needs no network; returns its path.

    run: what `elman train` or `save` wrote. data: a named data set (its test part), a file or a folder to
    show the result on; unless given the run's own last part, or where that cannot be read nothing, which the
    page then says. out: report.html in the run folder unless given. inspect: whether to look inside the
    network where `elman inspect` has not.

    Raises `RunError` for a folder that holds no whole run, or an `out` that cannot be written; `DataError`
    for data that do not fit the run; `MissingError` without the extra "report".
    """
    need(what="A report")
    path = Path(run) / REPORT if out is None else Path(out)
    if out is not None:
        check_page(path)
    known = read_run(run, data=data)
    if inspect and not known.inspection:
        known.inspection = _inspected(known, data)
    write_page(path, page(title_of(known), f"elman, run folder {known.path}", sections_of(known)))
    return path


def _inspected(run: Run, data: str | None) -> dict[str, Any]:
    """What `elman inspect` finds; where it cannot look, why."""
    try:
        return inspect_run(run.path, data=data).plain()
    except ElmanError as error:
        assert run.task is not None
        note = f"the network could not be looked into: {error}"
        return Inspection(str(run.path), run.task.name, "", notes=(note,)).plain()


def title_of(run: Run) -> str:
    """What was trained on what, in a few words."""
    data = Path(run.settings.get("data") or "your data").name
    return f"{run.settings.get('cell', '')} on {data}"


def sections_of(run: Run) -> list[Section]:
    """The sections of the page, those that there is something for."""
    found = [overview(run), result_figures(run), learning_curves(run), *result_sections(run)]
    found += [*inside_sections(run), speed_section(run), cell_section(run), reproduce(run)]
    return [section for section in found if section is not None]
