"""The model card: a short README.md in the run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from elman.train.display import row_name
from elman.train.toml import to_toml


def model_card(
    result: Mapping[str, Any], *, about: str, python: str, limits: str, pictures: Sequence[str]
) -> str:
    """The card as Markdown.

    result: what result.json holds. about: what was learned from what. python: how to use the model from
        Python. limits: what it cannot do. pictures: names of files beside the card.
    """
    share = "{:.1%} of all steps were padding, {:.1%} of the time went by waiting for data"
    return f"""# {result["settings"].get("cell", "")} on {result["settings"].get("data") or "your data"}

{about}

## Figures

{_figures(result)}

Trained in {result["seconds"]:.1f} s; the weights are those of epoch {result["best_epoch"]}, the best one.
{share.format(result["padding"], result["waiting"])}.

{_shown(pictures)}

## Use

```python
{python}
```

## Options

```toml
{to_toml(result["settings"])}```

## Limits

{limits}
"""


def _figures(result: Mapping[str, Any]) -> str:
    """A row for each part of the data and each baseline, a column for each figure that is one number."""
    splits = [name for name in ("train", "valid", "test") if name in result]
    names = [name for name, value in result[splits[-1]].items() if isinstance(value, float)] if splits else []
    rows = [(f"this model, {split}", result[split]) for split in splits]
    rows += [(f"{row_name(name)}, {splits[-1]}", figures) for name, figures in result["baselines"].items()]
    lines = [f"| | {' | '.join(names)} |", f"| --- |{' --- |' * len(names)}"]
    lines += [
        f"| {label} | {' | '.join(_cell(figures.get(name)) for name in names)} |" for label, figures in rows
    ]
    return "\n".join(lines)


def _shown(pictures: Sequence[str]) -> str:
    return "\n\n".join(f"![{name.removesuffix('.png').replace('_', ' ')}]({name})" for name in pictures)


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else ""
