"""What was trained on what, with which result: the first sections of a report, from the run folder alone."""

from __future__ import annotations

from typing import Any

from elman.reporting.blocks import Block, Chart, Note, Section, Table, figure_cell
from elman.reporting.charts import bars
from elman.reporting.run import Run
from elman.train.display import row_name, shown_figure

SAID = {
    "cell": "Cell",
    "hidden_size": "Hidden units",
    "layers": "Layers",
    "bidirectional": "Both directions",
    "decoder": "Decoder",
    "dropout": "Dropout",
    "optimizer": "Optimizer",
    "learning_rate": "Learning rate",
    "batch_size": "Sequences a batch",
    "precision": "Precision",
    "device": "Device",
}


def overview(run: Run) -> Section:
    """What was trained on what."""
    blocks: list[Block] = [Note(run.about)] if run.about else []
    blocks += [Note(said) for said in (_in_short(run),) if said]
    rows: list[list[Any]] = [["Task", run.task.name if run.task else ""]]
    rows.append(["Data", run.settings.get("data") or "arrays, in Python"])
    rows += [[said, str(run.settings[name])] for name, said in SAID.items() if name in run.settings]
    if run.model is not None:
        rows.append(["Weights", f"{sum(p.numel() for p in run.model.module.parameters()):,}"])
    if run.result:
        rows.append(["Epochs", f"{run.result['epochs']}, the best {run.result['best_epoch']}"])
        rows.append(["Seconds of training", f"{run.result['seconds']:.1f}"])
        rows.append(["Padding", f"{run.result['padding']:.1%} of all steps"])
    blocks.append(Table("The run", ("What", "Value"), rows))
    if not run.result:
        trained = "has not ended" if run.history else "left no record here, as for models trained in Python"
        blocks.append(Note(f"The training {trained}: figures of the result are not here.", "warning"))
    if run.without:
        blocks.append(
            Note(f"Shown without examples from the data: {run.without} Name data by --data.", "warning")
        )
    return Section("overview", "What was trained on what", blocks)


def _in_short(run: Run) -> str:
    """The headline beside those of the simple rules, and what the doctor found."""
    said = []
    if run.splits:
        part, figures = list(run.splits.items())[-1]
        rules = run.result.get("baselines", {})
        values = {rule: shown_figure(run.headline, entry.get(run.headline)) for rule, entry in rules.items()}
        beside = ", ".join(f"{rule} {value}" for rule, value in values.items() if value)
        reached = f"On the {part} part {run.headline} {shown_figure(run.headline, figures.get(run.headline))}"
        said.append(f"{reached}; simple rules: {beside}." if beside else f"{reached}.")
    if run.inspection:
        found = [finding["name"] for finding in run.inspection["findings"]]
        said.append(f"The doctor finds {', '.join(found)}." if found else "The doctor finds nothing wrong.")
    return " ".join(said)


def result_figures(run: Run) -> Section | None:
    """The figures of each part and each baseline, and the headline as bars."""
    if run.task is None or not (run.splits or run.figures):
        return None
    splits = run.splits or {run.called: run.figures}
    if run.called and run.figures and run.figures not in splits.values():
        splits = {**splits, run.called: run.figures}
    baselines = run.result.get("baselines", {})
    names = [name for name, value in next(iter(splits.values())).items() if isinstance(value, float)]
    rows = [[part, *(figure_cell(n, values.get(n)) for n in names)] for part, values in splits.items()]
    rows += [
        [row_name(rule), *(figure_cell(n, values.get(n)) for n in names)]
        for rule, values in baselines.items()
    ]
    blocks: list[Block] = [
        Table("Figures of each part of the data, and of simple rules", ("Part", *names), rows)
    ]
    headline = run.headline if run.headline in names else (names or [""])[0]
    compared = {"this model": list(splits.values())[-1], **baselines}
    values = {label: figures[headline] for label, figures in compared.items() if headline in figures}
    if len(values) > 1:
        shown = [shown_figure(headline, value) for value in values.values()]
        words = "; ".join(f"{label} {text}" for label, text in zip(values, shown, strict=True))
        chart = bars(list(values), list(values.values()), x=headline, shown=shown)
        blocks.append(
            Chart(f"{headline}: the model beside simple rules, {list(splits)[-1]}", chart, f"{words}.")
        )
    return Section("figures", "The result in figures", blocks)
