"""The doctor: says in plain words what is wrong with a network or its training, and which option may mend it.

Each rule reads `Signs` and returns a `Finding` or None. Its thresholds stand above it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from elman import cells
from elman.inspect.signs import Signs
from elman.train.gradient_flow import LOST
from elman.train.optimizers import LEARNING_RATES


@dataclass(frozen=True)
class Finding:
    """name: of the rule. severity: 0 to 1, for the order. figure: the number that it rests on. text: what is
    wrong. remedy: what to do."""

    name: str
    severity: float
    figure: float
    text: str
    remedy: str

    def plain(self) -> dict[str, Any]:
        return dict(vars(self))

    def __str__(self) -> str:
        return f"{self.name}: {self.text} {self.remedy}"


def findings(signs: Signs) -> list[Finding]:
    """All that is wrong, the worst first."""
    found = [finding for rule in RULES if (finding := rule(signs)) is not None]
    return sorted(found, key=lambda finding: -finding.severity)


SHORT = 10  # steps: in sequences up to this nothing vanishes that matters
REACHED = 0.6  # share of the sequence that the gradient has to reach


def vanishing(signs: Signs) -> Finding | None:
    """The median gradient of the loss falls below `LOST` of its largest on the way back."""
    reached: list[tuple[float, int, int, str]] = []
    for flow in signs.flows:
        places, reach = len(flow.by_lag().places), flow.reach()
        if places > SHORT and 0 < reach < REACHED * places:
            reached.append((reach / places, reach, places, flow.title))
    if not reached:
        return None
    share, reach, places, title = min(reached)
    lost = places - reach
    gated = any(units.gates for units in signs.units)
    cell = "--cell indrnn or lru, whose memory is long from the start," if gated else "--cell lstm or gru,"
    start = ""
    if signs.options.get("cell") == "rnn":
        start = " Or an orthogonal start (--cell-options start=orthogonal)."
    cut = f" or shorter sequences (--max-steps {2 * reach})" if "max_steps" in signs.options else ""
    pooling = ", --pooling mean" if signs.options.get("pooling") == "last" else ""
    return Finding(
        "vanishing gradient",
        1.0 - share,
        float(lost),
        f"In {title} the gradient of the loss falls below {LOST:g} of its largest {reach} steps before the "
        f"end: nothing is learned from the first {lost} of {places} steps.",
        f"Try {cell} a layer norm ({_layer_norm(signs)}){pooling}{cut}.{start}",
    )


def _layer_norm(signs: Signs) -> str:
    cell = signs.options.get("cell")
    own = isinstance(cell, str) and cell in cells.names() and "layer_norm" in cells.options(cell)
    return "--cell-options layer_norm=true" if own else "--cell ligru"


GROWN = 1e3


def exploding(signs: Signs) -> Finding | None:
    """The median gradient grows by `GROWN` on its way back."""
    grown, title = 0.0, ""
    for flow in signs.flows:
        median = flow.by_lag().median
        last = max(median[: max(1, len(median) // 8)], default=0.0)  # at the end it may be 0 for some losses
        if last and max(median) / last > max(grown, GROWN):
            grown, title = max(median) / last, flow.title
    if not title:
        return None
    norms = sorted(record["gradient_norm"] for record in signs.history if "gradient_norm" in record)
    usual = norms[len(norms) // 2] if norms else 1.0
    clip = float(f"{min(max(usual, 0.1), 1.0):.1g}")
    given = signs.options.get("clip")
    if given and given <= clip:
        remedy = f"It is clipped at {given:g} already (--clip): try --cell lstm or gru, or --activation tanh."
    else:
        remedy = f"Clip it: --clip {clip:g}. Or try --cell lstm or gru, or --activation tanh."
    return Finding(
        "exploding gradient",
        min(1.0, 0.7 + 0.01 * len(f"{grown:.0f}")),
        grown,
        f"In {title} the gradient of the loss grows {grown:.3g} times on its way back through time.",
        remedy,
    )


DEAD = 0.2


def dead_units(signs: Signs) -> Finding | None:
    """Rectified units that are 0 at every step of every sequence that was looked at."""
    worst = max(((max(u.dead.values()), u.title) for u in signs.units if u.dead), default=(0.0, ""))
    if worst[0] < DEAD:
        return None
    rate = _rate(signs)
    return Finding(
        "dead units",
        worst[0],
        worst[0],
        f"{worst[0]:.0%} of the rectified units in {worst[1]} are 0 at every step: they learn nothing.",
        f"Try --learning-rate {rate / 3:.2g}, or --activation tanh.",
    )


FLAT = 0.5


def saturated_units(signs: Signs) -> Finding | None:
    """Most units of a tanh are at -1 or 1 at nearly all steps."""
    every = [(share, name, units.title) for units in signs.units for name, share in units.saturated.items()]
    share, name, title = max(every, default=(0.0, "", ""))
    if share < FLAT:
        return None
    return Finding(
        "saturated units",
        0.4 + 0.2 * share,
        share,
        f"{share:.0%} of the units of {name} in {title} are at -1 or 1 at nearly every step, where the slope "
        "is close to 0: they hardly learn.",
        f"Try a layer norm ({_layer_norm(signs)}).",
    )


WORSE = 1.15  # validation loss at the end beside its best


def overfitting(signs: Signs) -> Finding | None:
    """The validation loss has risen since its best epoch while the training loss fell."""
    history = [record for record in signs.history if "valid_loss" in record]
    if len(history) < 2:
        return None
    best = min(history, key=lambda record: record["valid_loss"])
    last = history[-1]
    fell = last["train_loss"] < best["train_loss"]
    ratio = last["valid_loss"] / max(best["valid_loss"], 1e-12)
    if not fell or last["valid_loss"] <= 0 or ratio < WORSE:
        return None
    dropout = min(0.7, (signs.options.get("dropout") or 0.0) + 0.2)
    return Finding(
        "over-fitting",
        min(0.8, 0.3 + 0.2 * (ratio - 1.0)),
        ratio,
        f"The validation loss is {ratio:.2f} times what it was after epoch {best['epoch']}, while the "
        "training loss went on falling.",
        f"Try --dropout {dropout:.1g}, --epochs {best['epoch']}, --weight-decay 0.1, or more data.",
    )


ROSE, OFTEN = 1.02, 0.34


def large_step(signs: Signs) -> Finding | None:
    """The training loss rises in many epochs, or is well above its best at the end."""
    losses = [record["train_loss"] for record in signs.history if "train_loss" in record]
    if len(losses) < 3:
        return None
    rises = sum(after > ROSE * before > 0 for before, after in pairwise(losses))
    share = rises / (len(losses) - 1)
    above = losses[-1] / max(min(losses), 1e-12) if losses[-1] > 0 else 1.0
    if share < OFTEN and above < 1.2:
        return None
    if losses[-1] < 0.05 * losses[0]:
        return None  # what is left is small
    rate = _rate(signs)
    return Finding(
        "too large a step",
        min(0.9, 0.5 + share / 2),
        share,
        f"The training loss rose in {rises} of {len(losses) - 1} epochs, and ended at {above:.2f} times its "
        "best.",
        f"Try --learning-rate {rate / 10:.2g} (now {rate:.2g}).",
    )


LARGE, SMALL = 10.0, 0.02


def unscaled(signs: Signs) -> Finding | None:
    """Features that the network reads are far larger or smaller than 1."""
    reading = signs.reading
    if reading is None or SMALL <= reading.largest <= LARGE or reading.largest == 0.0:
        return None
    standardize = "Add --standardize." if "standardize" in signs.options else "Scale the columns of the data."
    kind = "up to" if reading.largest > LARGE else "not above"
    return Finding(
        "unscaled input",
        0.6,
        reading.largest,
        f"The first layer reads features whose root mean square is {kind} {reading.largest:.3g}; "
        "about 1 is what it starts for.",
        standardize,
    )


MOST = 0.5


def padding(signs: Signs) -> Finding | None:
    """More than half of the steps are padding, as in mixed batches they may be."""
    if signs.padding <= MOST:
        return None
    lengths = sorted(signs.lengths)
    cut = ""
    if "max_steps" in signs.options and lengths:
        cut = f" Or cut the longest (--max-steps {max(2, lengths[len(lengths) * 9 // 10])})."
    return Finding(
        "padding",
        0.3 + 0.2 * signs.padding,
        signs.padding,
        f"{signs.padding:.0%} of the steps of the batches are padding.",
        f"Make them of sequences that are about as long (--batches length).{cut}",
    )


PERFECT = 0.99


def label_leak(signs: Signs) -> Finding | None:
    """The first step alone tells the label, or the number, of sequences that were not seen."""
    leak = signs.leak
    if leak is None or leak.share < PERFECT or leak.frequent >= 0.95:
        return None
    label, told = "label", f"the label of {leak.share:.1%}"
    if leak.numbers:
        label, told = "target", f"{leak.share:.1%} of the variance of the target"
    return Finding(
        "label leak",
        0.95,
        leak.share,
        f"The first step alone tells {told} of sequences that a small tree was not trained on, by feature "
        f"{leak.feature}.",
        f"Look whether feature {leak.feature} is the {label}, or made from it, and leave it out "
        "(--channels names the columns to read).",
    )


RULES: tuple[Callable[[Signs], Finding | None], ...] = (
    vanishing,
    exploding,
    dead_units,
    saturated_units,
    overfitting,
    large_step,
    unscaled,
    padding,
    label_leak,
)


def _rate(signs: Signs) -> float:
    """The learning rate that was used."""
    return signs.options.get("learning_rate") or LEARNING_RATES[signs.options.get("optimizer") or "adamw"]
