"""N-grams: what a count of short contexts predicts; the baseline of a language model.

Interpolated absolute discounting: p_n(w | c) = (max(count(c w) - D, 0) + D * kinds(c) * p_{n-1}(w | c')) /
count(c), where kinds(c) is how many different tokens follow c, and c' is c without its first token (Chen and
Goodman 1998, eq. 14); p_0 is uniform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DISCOUNT = 0.75


@dataclass(frozen=True)
class _Order:
    """keys: context * V + token, sorted; counts of each; contexts, sorted, with their totals and kinds."""

    keys: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray


class NGrams:
    """The counts of all n-grams up to `order` in tokens (N,), whole numbers below `size`."""

    def __init__(self, tokens: np.ndarray, size: int, order: int) -> None:
        self.size = size
        self.orders: list[_Order] = []
        tokens = tokens.astype(np.int64)
        context = np.zeros(
            len(tokens), dtype=np.int64
        )  # the number of each token's context, of growing length
        for length in range(order):
            keys, counts = np.unique(context[length:] * size + tokens[length:], return_counts=True)
            contexts, first, kinds = np.unique(keys // size, return_index=True, return_counts=True)
            totals = np.add.reduceat(counts, first)
            self.orders.append(_Order(keys, counts, contexts, totals, kinds))
            context = self._longer(context, tokens, length)

    def _longer(self, context: np.ndarray, tokens: np.ndarray, length: int) -> np.ndarray:
        """The number of each place's context with one token more before it; -1 where it was never seen."""
        order = self.orders[length]
        place = np.full(len(tokens), -1, dtype=np.int64)
        known = context >= 0
        known[:length] = False
        place[known] = _found(order.keys, context[known] * self.size + tokens[known])
        return np.concatenate([[-1], place[:-1]])  # the n-gram that ends just before a token is its context

    def losses(self, tokens: np.ndarray) -> np.ndarray:
        """-log p (N - 1,) in nats of each token but the first, given those before it."""
        tokens = tokens.astype(np.int64)
        probability = np.full(len(tokens), 1.0 / self.size)
        context = np.zeros(len(tokens), dtype=np.int64)
        for length, order in enumerate(self.orders):
            at = np.where(context >= 0, _found(order.contexts, context), -1)
            seen = np.flatnonzero((at >= 0) & (np.arange(len(tokens)) >= length))
            key = _found(order.keys, context[seen] * self.size + tokens[seen])
            count = np.where(key >= 0, order.counts[np.maximum(key, 0)], 0)
            total, kinds = order.totals[at[seen]], order.kinds[at[seen]]
            discounted = np.maximum(count - DISCOUNT, 0.0) + DISCOUNT * kinds * probability[seen]
            probability[seen] = discounted / total
            context = self._longer(context, tokens, length)
        return -np.log(probability[1:])

    def mean_loss(self, tokens: np.ndarray, block: int) -> float:
        """The mean of `losses`, taken of `block` tokens at a time."""
        before = len(self.orders)  # tokens that the first of a block is read with, and one to begin at
        total = 0.0
        for at in range(1, len(tokens), block):
            losses = self.losses(np.asarray(tokens[max(at - before, 0) : at + block]))
            total += float(losses[min(at, before) - 1 :].sum())
        return total / (len(tokens) - 1)


def _found(sorted_values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The place of each wanted value; -1 where it is not."""
    if not len(sorted_values):  # of a text that is shorter than the order
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(sorted_values, wanted), len(sorted_values) - 1)
    return np.where(sorted_values[place] == wanted, place, -1)
