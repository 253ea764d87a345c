"""Every registered cell learns: the adding problem of Hochreiter & Schmidhuber (1997), short."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman import cells
from elman.nn import Recurrent

STEPS, BATCH, HIDDEN = 10, 64, 32
TRIVIAL = 1 / 6  # the mean squared error of always answering 1: the variance of a sum of two from U(0, 1)


def adding(batch: int) -> tuple[Tensor, Tensor]:
    """x (T, B, 2): numbers from U(0, 1), and a mark at two of them; the sum of the marked ones (B, 1)."""
    numbers = torch.rand(STEPS, batch)
    marks = torch.zeros(STEPS, batch).scatter_(0, torch.rand(STEPS, batch).argsort(0)[:2], 1.0)
    return torch.stack([numbers, marks], -1), (numbers * marks).sum(0).unsqueeze(1)


class Adder(nn.Module):
    """The cell between an embedding, as linear recurrences cannot multiply by a mark, and a linear answer."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(2, 16), nn.ReLU())
        self.layer = Recurrent(name, 16, HIDDEN)
        self.answer = nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(self.layer(self.embed(x))[0][-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
def test_a_cell_learns_to_add(name: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    model = Adder(name)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    running = TRIVIAL
    for _ in range(600):
        x, y = adding(BATCH)
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running += 0.1 * (loss.item() - running)
        if running < TRIVIAL / 10:
            break
    x, y = adding(2000)
    with torch.no_grad():
        error = F.mse_loss(model(x), y).item()
    assert error < TRIVIAL / 5, f"{error:.4f}, where always answering 1 gives {TRIVIAL:.4f}"
