"""N-grams: against the equation written as a recursion over plain counts, and that they are distributions."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from elman.tasks.generating.ngrams import DISCOUNT, NGrams

SIZE = 4


def tokens(count: int, seed: int) -> list[int]:
    generator = np.random.default_rng(seed)
    return [int(token) for token in generator.choice(SIZE, count, p=[0.5, 0.3, 0.15, 0.05])]


def chance(text: list[int], context: tuple[int, ...], token: int) -> float:
    """The equation of the module, literally."""
    n = len(context) + 1
    lower = chance(text, context[1:], token) if context else 1.0 / SIZE
    grams = Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
    following = {gram: count for gram, count in grams.items() if gram[:-1] == context}
    total = sum(following.values())
    if not total:
        return lower
    own = max(grams[(*context, token)] - DISCOUNT, 0.0)
    return (own + DISCOUNT * len(following) * lower) / total


@pytest.mark.parametrize("count", [2, 3, 60])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_equation(order: int, count: int) -> None:
    text, other = tokens(count, 0), tokens(25, 1)
    losses = NGrams(np.array(text, dtype=np.uint8), SIZE, order).losses(np.array(other, dtype=np.uint8))
    for place in range(1, len(other)):
        context = tuple(other[max(place - order + 1, 0) : place])
        assert losses[place - 1] == pytest.approx(-math.log(chance(text, context, other[place])))


def test_the_chances_of_all_tokens_are_one() -> None:
    counted = NGrams(np.array(tokens(80, 2)), SIZE, 3)
    for context in ([0, 1], [3, 3], [2, 0]):
        each = [math.exp(-counted.losses(np.array([*context, token]))[-1]) for token in range(SIZE)]
        assert sum(each) == pytest.approx(1.0)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 24, 100])
def test_the_mean_taken_block_by_block(block: int) -> None:
    counted, other = NGrams(np.array(tokens(60, 0)), SIZE, 3), np.array(tokens(25, 1))
    assert counted.mean_loss(other, block) == pytest.approx(counted.losses(other).mean())
