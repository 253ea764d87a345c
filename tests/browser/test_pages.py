"""Reports in a real browser: they open, are drawn, sorted and copied, dark and light, wide and narrow.

The pictures of each page are left in screenshots/, to be looked at.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import elman
from elman.reporting.blocks import Note, Section, Table
from elman.reporting.page import page as html_of
from elman.reporting.page import write_page

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

Visit = Callable[..., "Page"]
Reports = Callable[[str], Path]
WIDE, NARROW = 1280, 390
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
NAMES = ["images", "regress", "text", "forecast", "tag", "generate"]
LOOKS = [("light", WIDE), ("dark", NARROW)]
MOST_MILLISECONDS, MOST_BYTES = 2_000, 5_000_000
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
GROUND = "getComputedStyle(document.body).backgroundColor"
DRAWN = "[...document.querySelectorAll('.plot')].every((plot) => plot.dataset.drawn === 'yes')"

COLOUR = """(name) => {
  const made = document.createElement("p");
  made.style.color = `var(${name})`;
  document.body.append(made);
  return getComputedStyle(made).color;
}"""


def draw_all(page: Page) -> int:
    """Have every chart drawn, as for printing; returns how many there are."""
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(DRAWN)
    return page.locator(".plot").count()


def keep(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"), full_page=True)


def column(page: Page, place: int) -> list[str]:
    return page.locator(f"#figures table tbody tr > :nth-child({place})").all_inner_texts()


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in ("images", "regress") else pytest.mark.data) for name in NAMES],
)
def test_every_chart_is_drawn_and_nothing_is_wider_than_the_page(
    name: str, scheme: str, width: int, visit: Visit, reports: Reports
) -> None:
    page = visit(reports(name).as_uri(), scheme=scheme, width=width)
    count = draw_all(page)
    assert count >= 5
    assert page.locator(".plot .main-svg").count() >= count
    boxes = [plot.bounding_box() for plot in page.locator(".plot").all()]
    assert all(box is not None and box["width"] > 200 and box["height"] > 90 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    keep(page, f"{name}-{scheme}-{width}")


def test_long_names_do_not_widen_a_narrow_page(visit: Visit, tmp_path: Path) -> None:
    name = "/folder" * 20
    blocks = [
        Note(name),
        Table(name, ("Column",), [["cell"]]),
        Table(name, ("Column",), [["cell"]], folded=True),
    ]
    path = tmp_path / "names.html"
    write_page(path, html_of(name, name, [Section("names", name, blocks)]))
    page = visit(path.as_uri(), width=NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


def test_it_opens_within_two_seconds(
    visit: Visit, reports: Reports, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page can be read, and its thread's work is done: in time of its own, as the machine is shared."""
    path = reports("images")
    said = []
    for _ in range(3):
        sessions: list[CDPSession] = []
        page = visit(path.as_uri(), before=lambda page, sessions=sessions: sessions.append(timed(page)))
        metrics = sessions[0].send("Performance.getMetrics")["metrics"]
        own = 1e3 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
        ready = page.evaluate("Number(document.documentElement.dataset.ready)")
        said.append((page.evaluate(PAINTED), own, ready))
    with capsys.disabled():
        times = "; ".join(f"{paint:.0f}, {own:.0f}, {ready:.0f}" for paint, own, ready in said)
        print(
            f"\nreport.html: {path.stat().st_size / 1e6:.2f} MB; ms to first paint, of own work, to charts:"
        )
        print(times)
    assert min(paint for paint, _, _ in said) < MOST_MILLISECONDS
    assert min(own for _, own, _ in said) < MOST_MILLISECONDS
    assert path.stat().st_size < MOST_BYTES


def timed(page: Page) -> CDPSession:
    """A session that counts the time in which the page's main thread works."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


def test_tables_are_sorted_by_mouse_and_by_keyboard(visit: Visit, reports: Reports) -> None:
    page = visit(reports("images").as_uri())
    before = column(page, 2)
    shares = sorted(float(text.rstrip("%")) for text in before)
    header = page.locator("#figures thead th").nth(1)
    button = header.get_by_role("button")
    button.click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert [float(text.rstrip("%")) for text in column(page, 2)] == shares
    button.focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert [float(text.rstrip("%")) for text in column(page, 2)] == shares[::-1]
    assert page.locator("#figures [aria-sort]").count() == 1
    page.locator("#figures thead button").nth(3).click()  # a rule without that figure comes last
    assert column(page, 4)[-1] == ""


@pytest.mark.data
def test_the_probability_of_a_character_is_told_to_keys_and_fingers(visit: Visit, reports: Reports) -> None:
    page = visit(reports("generate").as_uri())
    text, told = page.locator("#reading .pieces"), page.locator("#reading .told")
    text.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    row = page.locator("#reading .folded tbody tr").nth(1).locator("th, td")
    place, token, chance = row.all_text_contents()
    assert place == "2"
    assert told.text_content() == f"{token}: {float(chance.rstrip('%')):.1f}%"
    text.locator("[title]").nth(4).click()
    assert told.text_content() == text.locator("[title]").nth(4).get_attribute("title")
    page.keyboard.press("End")
    assert text.locator(".here").text_content() == text.locator("[title]").last.text_content()


def test_a_table_is_copied_as_csv(visit: Visit, reports: Reports) -> None:
    page = visit(reports("images").as_uri())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#figures .copy").click()
    page.wait_for_function("document.getElementById('said').textContent.includes('clipboard')")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0].replace(" ", "").startswith("Part,accuracy,macro_f1")
    assert [line.split(",")[0] for line in lines[1:4]] == ["train", "valid", "test"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str, visit: Visit, reports: Reports) -> None:
    page = visit(reports("images").as_uri(), scheme=scheme)
    ground = page.evaluate(GROUND)
    for name in ("--ink", "--soft", "--link", "--good", "--warning", "--bad"):
        assert contrast(page.evaluate(COLOUR, name), ground) >= 4.5, name
    assert contrast(page.evaluate(COLOUR, "--wrong-ink"), page.evaluate(COLOUR, "--wrong")) >= 4.5
    assert luminance(ground) < 0.05 if scheme == "dark" else luminance(ground) > 0.9


def test_charts_follow_when_the_light_goes_out(visit: Visit, reports: Reports) -> None:
    page = visit(reports("images").as_uri())
    draw_all(page)
    text = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    light = page.evaluate(text)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{text} !== '{light}'")
    assert contrast(page.evaluate(text), page.evaluate(GROUND)) >= 4.5


def test_runs_side_by_side(visit: Visit, reports: Reports, tmp_path: Path) -> None:
    out = elman.compare(reports("images").parent, reports("rnn").parent, out=tmp_path / "both.html")
    for scheme, width in LOOKS:
        page = visit(out.as_uri(), scheme=scheme, width=width)
        assert draw_all(page) >= 4
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        keep(page, f"compare-{scheme}-{width}")


def test_the_watched_page_grows_while_a_network_is_trained(visit: Visit, tmp_path: Path) -> None:
    options = "--data digits --cell gru --hidden 16 --epochs 500 --no-baselines --watch --port 0 --out run"
    command = [sys.executable, "-m", "elman.cli", "train", "classify", *options.split()]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as training:
        assert training.stdout is not None
        try:
            address = training.stdout.readline().removeprefix("watch it at ").strip()
            page = visit(address)
            said = "document.getElementById('progress').textContent"
            page.wait_for_function(f"/Epoch [0-9]+ of 500, update/.test({said})")
            page.evaluate("document.querySelector('#curves h2').textContent = 'old'")
            page.wait_for_function("document.querySelector('#curves h2').textContent === 'Learning curves'")
            page.wait_for_function("document.querySelectorAll('.plot').length >= 4")  # after some epochs
            assert draw_all(page) >= 4
            keep(page, "watch-light-1280")
            training.send_signal(signal.SIGINT)  # Ctrl-C: it stops, and the page hears of it
            page.wait_for_function(f"{said}.startsWith('Training has ended')")
            assert training.wait(timeout=60) == 130
        finally:
            training.kill()


def channels(colour: str) -> list[float]:
    """The red, green and blue of rgb(…), 0 to 1."""
    return [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]


def luminance(colour: str) -> float:
    """Relative luminance as of WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(colour)]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    """Contrast ratio as of WCAG 2, 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)
