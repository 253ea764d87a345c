"""Shares held out, the same rows for the same seed; of classes the same share of each."""

from __future__ import annotations

import numpy as np

from elman.data.examples import Examples


def stratified_share(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (kept, held out), each sorted; about `share` of every class is held out, never a whole class.

    A class seen once is kept. The counts of the classes are rounded so that their sum is the nearest
    possible to share * N (largest remainders first).
    """
    generator = np.random.default_rng([seed, 0x5EED])
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    wanted = counts * share
    held = np.floor(wanted).astype(np.int64)
    missing = round(float(wanted.sum())) - int(held.sum())
    for place in np.argsort(-(wanted - held), kind="stable")[:missing]:
        held[place] += 1
    held = np.minimum(held, counts - 1)
    order = generator.permutation(len(labels))
    out = np.concatenate([order[codes[order] == place][:count] for place, count in enumerate(held)])
    kept = np.setdiff1d(np.arange(len(labels)), out)
    return kept, np.sort(out)


def nothing_held(part: str, share: float, count: int, unit: str) -> str:
    """What is to be said where a share of so many examples was asked for and comes to none."""
    return f"{part}: none, as a share of {share:g} of {count:,} {unit} comes to nothing"


def hold_out(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples | None]:
    """Examples to keep and those held out; None if the share comes to nothing."""
    assert examples.labels is not None
    if share == 0:
        return examples, None
    kept, out = stratified_share(examples.labels, share, seed)
    return (examples.select(kept), examples.select(out)) if len(out) else (examples, None)


def hold_out_any(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples | None]:
    """The same where labels are numbers, whatever they are; one example at least is kept."""
    count = min(round(share * len(examples)), len(examples) - 1)
    if count == 0:
        return examples, None
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(examples))
    return examples.select(np.sort(order[count:])), examples.select(np.sort(order[:count]))
