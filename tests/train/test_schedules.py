"""Schedules and optimizers: their shape, and weight decay on matrices only."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from elman.errors import ArgumentError
from elman.train.optimizers import LEARNING_RATES, OPTIMIZERS, create_optimizer
from elman.train.schedules import SCHEDULES, factor


@pytest.mark.parametrize(
    ("schedule", "done", "expected"),
    [
        ("constant", 0.9, 1.0),
        ("cosine", 0.0, 1.0),
        ("cosine", 0.5, 0.5),
        ("cosine", 1.0, 0.0),
        ("warmup-cosine", 0.0, 1e-3),
        ("warmup-cosine", 0.1, 0.5),
        ("warmup-cosine", 0.2, 1.0),
        ("warmup-cosine", 0.6, 0.5),
        ("step", 0.3, 1.0),
        ("step", 0.4, 0.1),
        ("step", 0.99, 0.01),
    ],
)
def test_factors(schedule: str, done: float, expected: float) -> None:
    assert math.isclose(factor(schedule, done, warmup=0.2), expected, abs_tol=1e-12)


def test_warmup_may_be_nothing() -> None:
    assert factor("warmup-cosine", 0.0, warmup=0.0) == 1.0


def test_plateau_halves_after_two_epochs_without_a_better_one() -> None:
    ranks = [(1.0,), (2.0,), (2.0,), (1.5,), (3.0,), (1.0,), (3.0,), (2.0,), (2.0,)]
    factors = [factor("plateau", 0.0, ranks=ranks[:n]) for n in range(len(ranks) + 1)]
    assert factors == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_unknown_names() -> None:
    with pytest.raises(ArgumentError) as error:
        factor("cosin", 0.0)
    assert (
        str(error.value)
        == f"schedule: unknown name 'cosin'. Did you mean 'cosine'? Valid: {', '.join(sorted(SCHEDULES))}."
    )
    with pytest.raises(ArgumentError, match=r"optimizer: unknown name 'addam'\. Did you mean 'adam'"):
        create_optimizer("addam", nn.Linear(2, 2).parameters(), lr=1.0, weight_decay=0.0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_only_matrices_decay_and_every_optimizer_learns(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 1)
    with torch.no_grad():
        layer.bias.fill_(5.0)
    optimizer = create_optimizer(name, layer.parameters(), lr=LEARNING_RATES[name], weight_decay=0.1)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]
    weight, bias = layer.weight.detach().clone(), layer.bias.detach().clone()
    layer.weight.grad, layer.bias.grad = torch.zeros(1, 3), torch.zeros(1)
    optimizer.step()
    assert not torch.equal(layer.weight, weight)
    assert torch.equal(layer.bias, bias)
    x = torch.randn(64, 3)
    first = last = math.nan
    for step in range(60):
        loss = ((layer(x) - x.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        first, last = (loss.item() if step == 0 else first), loss.item()
    assert last < first
