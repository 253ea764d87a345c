"""The report of a run: what stands on the page, what it says where something is missing, what goes wrong."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import elman
from elman.errors import ArgumentError, DataError, MissingError, RunError
from elman.inspect import inspect_run
from elman.reporting import parts
from elman.reporting.blocks import Chart, Grid, Marked, Section, Table
from elman.reporting.report import sections_of
from elman.reporting.run import read_run
from reporting.conftest import trained

MOST_BYTES = 5_000_000


def section(sections: list[Section], name: str) -> Section:
    return next(one for one in sections if one.name == name)


def charts(sections: list[Section]) -> list[Chart]:
    blocks = [block for one in sections for block in one.blocks]
    grids = [chart for block in blocks if isinstance(block, Grid) for chart in block.charts]
    return [block for block in blocks if isinstance(block, Chart)] + grids


def table(one: Section, caption: str) -> Table:
    return next(b for b in one.blocks if isinstance(b, Table) and b.caption.startswith(caption))


def test_the_page_is_one_file_without_network(digits: Path) -> None:
    path = elman.report(digits, inspect=False)
    assert path == digits / "report.html"
    assert path.stat().st_size < MOST_BYTES
    page = path.read_text()
    outside = re.sub(r'<script type="text/plain" id="plotly">.*?</script>', "", page, flags=re.DOTALL)
    addresses = re.findall(r"""(?:src|href)=["']([^"'#]*)""", outside) + re.findall(
        r"url\(([^)]*)\)", outside
    )
    assert {a for a in addresses if a} == {"data:,"}
    assert not re.findall(r"@import|fetch\(\"http", outside)
    packed = re.search(r'id="plotly">(.*?)</script>', page, flags=re.DOTALL)
    assert packed is not None
    assert b"plotly.js v" in gzip.decompress(base64.b64decode(packed[1]))[:300]


def test_the_sections_say_what_the_files_say(digits: Path) -> None:
    run = read_run(digits)
    sections = sections_of(run)
    assert [one.name for one in sections] == [
        "overview", "figures", "curves", "result", "hardest", "flow", "inside", "speed", "cell",
        "reproduce",
    ]  # fmt: skip
    result = json.loads((digits / "result.json").read_text())
    figures = table(section(sections, "figures"), "Figures")
    assert [row[0].shown for row in figures.cells][:3] == ["train", "valid", "test"]
    assert figures.cells[2][1].value == result["test"]["accuracy"]
    assert figures.cells[3][0].shown == "baseline: majority"
    loss = charts([section(sections, "curves")])[0]
    history = [json.loads(line) for line in (digits / "metrics.jsonl").read_text().splitlines()]
    assert list(loss.figure.data[0].y) == [record["train_loss"] for record in history]
    confusion = charts([section(sections, "result")])[0]
    counts = result["test"]["confusion"]
    assert [list(row) for row in confusion.figure.data[0].customdata] == counts
    hardest = table(section(sections, "hardest"), "Examples").cells
    assert len(hardest) == 20
    shares = [float(row[3].value) for row in hardest]
    assert shares == sorted(shares)
    assert shares[0] < 0.2


def test_every_chart_has_words_and_every_table_a_caption(digits: Path) -> None:
    sections = sections_of(read_run(digits))
    found = charts(sections)
    assert len(found) > 6
    assert all(len(chart.words) > 15 and chart.title for chart in found)
    page = elman.report(digits, inspect=False).read_text()
    assert page.count("<caption>") == page.count("<table>") > 4
    assert page.count('role="img"') == len(found)
    assert '<html lang="en">' in page
    assert 'name="viewport"' in page


def test_the_flow_while_training_is_a_picture(digits: Path) -> None:
    run = read_run(digits)
    picture = charts([section(sections_of(run), "flow")])[0].figure.data[0]
    assert len(run.flow) == len(picture.x) > 2
    assert len(picture.z) == 8  # rows of an image are steps
    assert any(value is not None for value in picture.z[0])


def test_the_listing_and_the_equations_are_the_cells(digits: Path) -> None:
    page = html.unescape(elman.report(digits, inspect=False).read_text())
    assert str(elman.cells.create("gru").program()) in page
    assert page.count("<math") == len(elman.cells.create("gru").program().latex().splitlines()) - 2
    assert f"elman train classify --config {digits}/config.toml" in page


def test_a_run_without_data_is_shown_without_examples(saved: Path) -> None:
    sections = sections_of(read_run(saved))
    names = [one.name for one in sections]
    assert "hardest" not in names
    assert {"overview", "cell", "speed"} <= set(names)
    notes = " ".join(getattr(block, "text", "") for block in section(sections, "overview").blocks)
    assert "the training left no record here" in notes.lower()
    assert "Name data by --data" in elman.report(saved, inspect=False).read_text()


def test_other_data_are_shown_with_their_own_figures(digits: Path) -> None:
    run = read_run(digits, data="digits")
    assert run.called == "digits, its test part"
    assert run.figures["accuracy"] > 0.3


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"data": "nowhere.csv"}, DataError, r"nowhere\.csv"),
        ({"out": "no/such/folder/page.html"}, RunError, "out: expected an HTML file in a folder that exists"),
    ],
)
def test_wrong_arguments(digits: Path, change: dict[str, str], error: type[Exception], says: str) -> None:
    with pytest.raises((error, ArgumentError), match=says):
        elman.report(digits, **change)


def test_data_of_another_width_are_refused(digits: Path, tmp_path: Path) -> None:
    table = tmp_path / "other.csv"
    table.write_text("sequence,a,b,label\n" + "".join(f"{k // 3},{k},{k},{k // 3}\n" for k in range(30)))
    with pytest.raises(DataError, match=r"other\.csv: expected"):
        elman.report(digits, data=str(table), inspect=False)


def test_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="run: expected a run folder"):
        elman.report(tmp_path / "none")
    with pytest.raises(RunError, match="expected a model file, but there is none"):
        elman.report(tmp_path)


def test_a_damaged_record_is_named(digits: Path, tmp_path: Path) -> None:
    shutil.copytree(digits, tmp_path / "run")
    (tmp_path / "run" / "metrics.jsonl").write_text("{")
    with pytest.raises(RunError, match=r"metrics\.jsonl: expected a JSON object in each line"):
        elman.report(tmp_path / "run")


def test_a_missing_package_names_its_extra(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "find_spec", lambda name: None)
    with pytest.raises(
        MissingError, match=r"A report needs the package plotly.*pip install 'elman\[report\]'"
    ):
        elman.report(digits, inspect=False)


def test_what_data_say_is_never_markup(digits: Path, tmp_path: Path) -> None:
    from elman.reporting.charts import figure
    from elman.reporting.page import page

    bad = "</script><script>alert(1)</script>"
    chart, made = Chart(bad, figure(x=bad), bad), Table(bad, (bad,), [[bad]])
    text = Marked(bad, bad, [])
    written = page(bad, bad, [Section("one", bad, [chart, made, text])])
    assert bad not in written
    assert "alert(1)" in written


def test_a_report_looks_inside_by_itself(digits: Path, saved: Path, tmp_path: Path) -> None:
    page = html.unescape(elman.report(digits, out=tmp_path / "page.html").read_text())
    for words in ("What the doctor says", "256 sequences, 2,048 steps", "Gates of layer 1", "answer "):
        assert words in page
    assert not (digits / "inspect.json").exists()
    page = html.unescape(elman.report(saved, out=tmp_path / "page.html").read_text())
    assert "without data only what the training recorded can be shown" in page


def test_a_run_whose_data_are_gone_says_so(tmp_path: Path) -> None:
    images, data = load_digits(), tmp_path / "images.npz"
    np.savez(data, X=images.images[:80] / 16, y=images.target[:80])
    run = trained(tmp_path / "run", "classify", data=str(data), cell="rnn")
    data.unlink()
    page = html.unescape(elman.report(run).read_text())
    assert "the network could not be looked into: " in page
    assert "images.npz" in page


def test_what_elman_inspect_found_is_shown(digits: Path, tmp_path: Path) -> None:
    notes = section(sections_of(read_run(digits)), "inside").blocks
    assert "elman inspect RUN" in getattr(notes[0], "text", "")
    shutil.copytree(digits, tmp_path / "run")
    found = inspect_run(digits, explain=1)
    (tmp_path / "run" / "inspect.json").write_text(json.dumps(found.plain()))
    sections = sections_of(read_run(tmp_path / "run"))
    doctor = [getattr(block, "text", "") for block in section(sections, "doctor").blocks]
    assert doctor[-1] == f"From {found.data}: {found.sequences:,} sequences, {found.steps:,} steps."
    said = [f"{one.name.capitalize()}: {one.text} {one.remedy}" for one in found.findings]
    assert doctor[:-1] == (said or ["Nothing found that is wrong."])
    flows = charts([section(sections, "flow")])
    assert list(flows[0].figure.data[-1].y) == pytest.approx(found.flows[0].by_lag().median, rel=1e-2)
    memory = table(section(sections, "memory"), "Memory").cells
    assert [row[2].value for row in memory] == [one.horizon for one in found.influences]
    gates = table(section(sections, "gates"), "Gates").cells
    assert [row[0].shown for row in gates] == [gate.name for gate in found.units[0].gates]
    assert [row[1].value for row in gates] == [gate.mean for gate in found.units[0].gates]
    active = table(section(sections, "units"), "Steps").cells
    assert int(active[0][0].shown) == found.active[0].unit
    answer = charts([section(sections, "attribution")])[0]
    assert list(answer.figure.data[0].y) == found.attributions[0].integrated
    assert "inside" not in [one.name for one in sections]


def test_a_page_that_cannot_be_written(digits: Path) -> None:
    with pytest.raises(
        RunError, match=r"out: '/proc/page.html' could not be written .* Name another file by --out"
    ):
        elman.report(digits, out="/proc/page.html")
