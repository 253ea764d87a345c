"""The model card: a short README.md in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elman.train.toml import to_toml


def model_card(result: Mapping[str, Any], *, about: str, python: str) -> str:
    """The card as Markdown.

    result: what result.json holds. about: what was learned from what. python: how to use the model from
        Python.
    """
    splits = [name for name in ("train", "valid", "test") if name in result]
    names = [name for name, value in result[splits[-1]].items() if isinstance(value, float)] if splits else []
    rows = [(f"this model, {split}", result[split]) for split in splits]
    rows += [(f"baseline {name}, {splits[-1]}", figures) for name, figures in result["baselines"].items()]
    lines = [f"| | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    lines += [
        f"| {label} | {' | '.join(_cell(figures.get(name)) for name in names)} |" for label, figures in rows
    ]
    table = "\n".join(lines)
    return f"""# {result["settings"].get("cell", "")} on {result["settings"].get("data") or "your data"}

{about}

## Figures

{table}

Trained in {result["seconds"]:.1f} s; the weights are those of epoch {result["best_epoch"]}, the best one.

![learning curve](learning_curve.png)

## Use

```python
{python}
```

## Options

```toml
{to_toml(result["settings"])}```

## Limits

The figures hold for data like those above. The model knows only the classes and, for text, the words that it
was trained on, and its probabilities are not calibrated.
"""


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else ""
