"""The network of a language model: embedding, recurrent layers, and the next token's distribution.

Regularised as in Merity et al. 2017 (arXiv:1708.02182). Dimensions: T steps, B streams, V tokens, E features
of an embedding, D features of a step's output.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.backends.single import as_columns
from elman.cells import Cell
from elman.tasks.network import recurrent_layers
from elman.train.options import TrainOptions

#: a step's output (D,) to a score for each token (V,): its log-probability, up to a constant
Scorer = Callable[[np.ndarray], np.ndarray]
State = Any  # a tensor, or a tuple of them, as elman.nn.Recurrent gives it


class LanguageNetwork(nn.Module):
    """Tokens to the distribution of the next one.

    embedding_dropout: share of the words whose embedding is zero for a whole window. tied: whether the output
    takes the embedding's weights. adaptive: whether rare tokens stand in clusters of their own.
    """

    def __init__(
        self,
        tokens: int,
        cell: Cell,
        options: TrainOptions,
        *,
        embedding_size: int,
        embedding_dropout: float = 0.0,
        tied: bool = False,
        adaptive: bool = False,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, embedding_size)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.embedding_dropout, self.dropout = embedding_dropout, options.dropout or 0.0
        self.recurrent = recurrent_layers(cell, embedding_size, options)
        width = options.hidden_size
        if adaptive:
            self.output: Softmax | AdaptiveSoftmax = AdaptiveSoftmax(width, tokens)
        else:
            self.output = Softmax(width, tokens, self.embedding if tied else None)

    def forward(self, x: Tensor, y: Tensor, state: State = None) -> tuple[Tensor, Tensor, Tensor, State]:
        """For tokens x (T, B), those that follow, y (T, B), and the state before: the loss of each y (T, B)
        in nats, the steps (T, B, D) that the output read, those before dropout, the state after."""
        steps, state = self.steps(x, state)
        read = locked_dropout(steps, self.dropout, self.training)
        return self.output.losses(read, y), read, steps, state

    def steps(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """(the recurrent layers' outputs (T, B, D), the state after) for tokens (T, B)."""
        weight = self.embedding.weight
        if self.training and self.embedding_dropout:
            weight = weight * F.dropout(weight.new_ones(len(weight), 1), self.embedding_dropout)
        return self.recurrent(F.embedding(x, weight), state)


class Softmax(nn.Module):
    """A score for each token; with `tied`, an embedding, by its weights, behind a projection to E features
    where D is another number (Press and Wolf 2017, arXiv:1608.05859)."""

    def __init__(self, width: int, tokens: int, tied: nn.Embedding | None = None) -> None:
        super().__init__()
        size = width if tied is None else tied.embedding_dim
        self.projection = nn.Identity() if size == width else nn.Linear(width, size)
        self.scores = nn.Linear(size, tokens)
        nn.init.zeros_(self.scores.bias)
        if tied is not None:
            self.scores.weight = tied.weight

    def losses(self, steps: Tensor, y: Tensor) -> Tensor:
        """-log p(y) (T, B) of steps (T, B, D)."""
        scores = self.scores(self.projection(steps)).flatten(0, 1)
        return F.cross_entropy(scores, y.flatten(), reduction="none").view_as(y)

    def scorer(self) -> Scorer:
        """With the weights as they are now, and without what is called around them in torch."""
        layers = [self.scores] if isinstance(self.projection, nn.Identity) else [self.projection, self.scores]
        weights = [(as_columns(layer.weight), layer.bias.detach().cpu().numpy().copy()) for layer in layers]

        def score(step: np.ndarray) -> np.ndarray:
            for weight, bias in weights:
                step = weight @ step + bias
            return step

        return score


class AdaptiveSoftmax(nn.Module):
    """The frequent tokens and some clusters of rarer ones, each with fewer features, scored only where they
    are needed (Grave et al. 2017, arXiv:1609.04309). Tokens are numbered by how frequent they are."""

    def __init__(self, width: int, tokens: int) -> None:
        super().__init__()
        cutoffs = sorted({max(tokens // 5, 1), max(tokens * 3 // 5, 1)})
        shrink = 4.0 if width >= 16 else 1.0  # by which the features of each cluster are fewer
        self.clusters = nn.AdaptiveLogSoftmaxWithLoss(width, tokens, cutoffs, div_value=shrink)

    def losses(self, steps: Tensor, y: Tensor) -> Tensor:
        """-log p(y) (T, B) of steps (T, B, D)."""
        return -self.clusters(steps.flatten(0, 1), y.flatten()).output.view_as(y)

    def rows(self) -> dict[str, tuple[int, int, int]]:
        """By the name of a weight: its rows stand for the tokens from, to below, and so many clusters."""
        ends, count = list(self.clusters.cutoffs), self.clusters.n_clusters
        rows = {"clusters.head.weight": (0, ends[0], count)}
        for place, (begin, end) in enumerate(pairwise(ends)):
            rows[f"clusters.tail.{place}.1.weight"] = begin, end, 0
        return rows

    def scorer(self) -> Scorer:
        """With the weights as they are."""
        place = self.clusters.head.weight.device

        def score(step: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return self.clusters.log_prob(torch.from_numpy(step)[None].to(place))[0].cpu().numpy()

        return score


def locked_dropout(steps: Tensor, rate: float, training: bool) -> Tensor:
    """Dropout with one mask (B, D) for all steps (Gal and Ghahramani 2016, arXiv:1512.05287)."""
    if not training or not rate:
        return steps
    return steps * F.dropout(steps.new_ones(1, *steps.shape[1:]), rate)


def detached(state: State) -> State:
    """The state without the graph that led to it."""
    return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()


def state_tensors(state: State) -> tuple[Tensor, ...]:
    """The tensors of a state; none for None."""
    return () if state is None else state if isinstance(state, tuple) else (state,)


def joined_state(tensors: tuple[Tensor, ...]) -> State:
    """Undo `state_tensors`."""
    return tensors if len(tensors) > 1 else next(iter(tensors), None)
