"""How to get the same again: the command, the options, the versions."""

from __future__ import annotations

import shlex

from elman.bench import machine
from elman.reporting.blocks import Block, Listing, Note, Section, Table
from elman.reporting.run import Run, config_text
from elman.train.run_folder import CONFIG

SAME = "The same options, data, versions and number of threads give the same weights."
TIMED = "It was trained for a time (max_seconds), so the weights depend on how fast the machine is."
SHOWN = ("elman", "commit", "torch", "python", "system", "cpu", "cores", "threads", "isa", "engine")


def reproduce(run: Run) -> Section:
    """Command, options and machine."""
    blocks: list[Block] = []
    config = config_text(run)
    if config and run.settings.get("data"):
        task = run.task.name if run.task is not None else "TASK"
        command = ["elman", "train", task, "--config", str(run.path / CONFIG), "--out", f"{run.path}-again"]
        blocks.append(Listing("The same again", shlex.join(command)))
        blocks.append(Note(TIMED if run.settings.get("max_seconds") else SAME))
    if config:
        blocks.append(Listing(CONFIG, config))
    made = run.result.get("machine")
    if made is None:
        blocks.append(
            Note("The run folder does not say on what it was trained; below is this machine.", "warning")
        )
    found = made or machine.describe()
    rows = [[name, str(found[name])] for name in SHOWN if found.get(name) is not None]
    if found.get("dirty"):
        rows.append(["changes", "files differed from that commit"])
    title = "Versions and machine of the training" if made else "Versions and machine of this report"
    blocks.append(Table(title, ("What", "Value"), rows))
    return Section("reproduce", "How to reproduce", blocks)
