"""The split of a training call: every stage in one part, plans without a part still run, limits by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import limits, markdown, profile
from benchmarks.limits import Limits
from elman.bench import layers
from elman.bench.shapes import Shape
from elman.bench.timing import Effort, MatrixRate

TINY = Shape(2, 3, 4, 5)
FOUND = Limits(flops=1e9, l2=4e9, l3=2e9, memory=1e9, l2_bytes=2**20, l3_bytes=2**25)


def taken(kind: str, shape: Shape) -> profile.Calls:
    setup = layers.prepare(kind, shape)
    with profile.calls() as found:
        layers.timed(setup.ours, "training", setup.input, setup.upstream)()
    return found


@pytest.mark.parametrize("kind", layers.KINDS)
def test_plans_without_a_part_have_no_stage_of_it(kind: str) -> None:
    found = taken(kind, Shape(32, 3, 4, 5))
    assert len(found.runs) == 2
    assert len(found.outers) == 1
    found.outer()
    for part in profile.LOOP_PARTS:
        assert any(profile.part_of(plan, stage) == part for plan, _, _ in found.runs for stage in plan.stages)
        for plan, _, _ in found.runs:
            ways = [profile.part_of(plan, stage) for stage in plan.stages]
            rest = [stage for stage in profile.without(plan, part).stages if stage in plan.stages]
            assert [profile.part_of(plan, stage) for stage in rest] == [way for way in ways if way != part]
        found.run(lambda plan, part=part: profile.without(plan, part))


def test_the_whole_loop_again_gives_the_same() -> None:
    setup = layers.prepare("GRU", Shape(32, 3, 4, 5))
    with profile.calls() as found:
        output, _ = setup.ours(setup.input)
    before = output.detach().clone()
    output.detach().zero_()
    found.run()
    assert torch.equal(output, before)


def test_parts_add_up_to_the_whole(brief: Effort) -> None:
    split = profile.split("LSTM", TINY, brief, FOUND)
    assert split.wrong == ""
    assert split.parts.keys() == split.least.keys() == set(profile.PARTS)
    assert sum(split.parts.values()) == pytest.approx(split.whole)


def test_a_wrong_layer_has_no_split(brief: Effort, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = layers.prepare

    def spoiled(kind: str, shape: Shape) -> layers.Setup:
        setup = prepare(kind, shape)
        with torch.no_grad():
            setup.ours.get_parameter("weight_hh_l0")[0, 0] += 1e-2
        return setup

    monkeypatch.setattr(layers, "prepare", spoiled)
    split = profile.split("GRU", TINY, brief, FOUND)
    assert "is off by" in split.wrong
    assert not split.parts


def test_limits_of_products_are_counted_by_hand() -> None:
    shape = Shape(64, 3, 4, 8)
    least = profile.least(taken("RNN", shape), "RNN", shape, FOUND)
    products = 2 * 2 * 64 * 3 * 8  # forward and backward, B T H
    assert least["recurrent product"] == pytest.approx(products * 8 / FOUND.flops)
    assert least["input projection"] == pytest.approx(products * 4 / FOUND.flops)
    assert least["weight gradients"] == pytest.approx(products / 2 * (4 + 8) / FOUND.flops)
    assert least["overhead"] is None


def test_a_single_row_waits_for_its_weights() -> None:
    shape = Shape(1, 3, 4, 8)
    slow = Limits(flops=1e12, l2=1e3, l3=1e3, memory=1e3, l2_bytes=2**20, l3_bytes=2**25)
    least = profile.least(taken("RNN", shape), "RNN", shape, slow)
    assert least["recurrent product"] == pytest.approx(2 * 3 * 4 * 8 * 8 / 1e3)  # both passes, T, bytes, H²


def test_bandwidth_is_that_of_where_the_bytes_lie() -> None:
    assert [FOUND.bandwidth(size) for size in (1000, 2**21, 2**26)] == [4e9, 2e9, 1e9]
    assert limits.cache_sizes().keys() >= {2, 3}


def test_the_page_is_written_from_the_record(
    tmp_path: Path, brief: Effort, mm: MatrixRate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "CASES", (("RNN", TINY),))
    monkeypatch.setattr(profile, "QUICK", brief)
    monkeypatch.setattr(limits, "measure", lambda rate, threads: FOUND)
    before = torch.get_num_threads()
    page = tmp_path / "engine.md"
    page.write_text(f"above\n{profile.BEGIN}\n{profile.END}\nbelow\n")
    arguments = ["--quick", "--threads", str(before), "--out", str(tmp_path), "--write", str(page)]
    assert profile.main(arguments) == 0
    (record,) = tmp_path.glob("profile-*-quick.json")
    content = json.loads(record.read_text())
    text = page.read_text()
    assert profile.table(content) in text
    assert text.startswith("above\n")
    assert text.endswith("below\n")
    (row,) = [line for line in text.splitlines() if line.startswith("| RNN")]
    assert row.count("(") == 4  # every part but overhead has a limit
    assert profile.main(["--from", str(record), "--write", str(page)]) == 0
    assert page.read_text() == text


def test_the_page_has_the_marks() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "engine.md").read_text()
    assert markdown.written_into(page, "", profile.BEGIN, profile.END)
    assert page.count(profile.BEGIN) == page.count(profile.END) == 1
