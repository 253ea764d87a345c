"""Inside the network: what was measured while it was trained, and what `elman inspect` found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elman.reporting.blocks import Block, Note, Section
from elman.reporting.run import Run
from elman.reporting.seen.attribution import attribution_blocks
from elman.reporting.seen.gradient import flow_blocks, found_blocks, memory_blocks
from elman.reporting.seen.units import active_blocks, gate_blocks

ASK = "elman report RUN does it, and elman inspect RUN more closely."
UNMEASURED = "How it changed in training was not measured; --flow 100 does so every 100 updates."
LISTS = ("flows", "influences", "spectra", "units", "active", "nearest", "attributions", "findings", "notes")


def inside_sections(run: Run) -> list[Section]:
    """Doctor, gradient, memory, gates, units and attribution; where nothing is known, how to get it."""
    found = {name: [] for name in LISTS} | run.inspection
    flow: list[Block] = flow_blocks(run.flow) or [Note(UNMEASURED)]
    if not run.inspection:
        return [
            Section("flow", "The gradient through time", flow),
            Section("inside", "Inside the network", [Note(f"Not looked into yet. {ASK}")]),
        ]
    about = f"From {found['data']}: {found['sequences']:,} sequences, {found['steps']:,} steps."
    notes: list[Block] = [Note(about if found["data"] else "Only the record of the training was looked at.")]
    notes += [Note(note, "warning") for note in found["notes"]]
    sections = [
        Section("doctor", "What the doctor says", [*_findings(found["findings"]), *notes]),
        Section("flow", "The gradient through time", [*found_blocks(found["flows"]), *flow]),
        Section("memory", "How long the network remembers", memory_blocks(found)),
        Section("gates", "Gates and states", gate_blocks(found["units"])),
        Section("units", "Where units are most active", active_blocks(found)),
        Section("attribution", "What made these answers", attribution_blocks(found["attributions"])),
    ]
    return [section for section in sections if section.blocks]


def _findings(findings: Sequence[Mapping[str, Any]]) -> list[Block]:
    if not findings:
        return [Note("Nothing found that is wrong.", "good")]
    return [Note(f"{one['name'].capitalize()}: {one['text']} {one['remedy']}", "bad") for one in findings]
