"""A linear-chain conditional random field over the outputs of a network.

Dimensions: T steps, B sequences, K labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elman.errors import shown, wrong
from elman.nn.arguments import check_size

SPREAD = 0.1  # the first scores are uniform within ± this


class CRF(nn.Module):
    """Linear-chain conditional random field, Lafferty, McCallum and Pereira 2001.

    The score of the labels y of a sequence of scores s (emissions) is

        begin[y₁] + Σₜ s[t, yₜ] + Σₜ transitions[yₜ₋₁, yₜ] + end[y_T]

    and its probability the exponential of that over the sum of all Kᵀ such (eq. 1 there). Sums over all
    label sequences take O(T K²), by the forward algorithm.

    Args:
        labels: K, 1 or more.

    Shape of every `scores`: (T, B, K); of every `lengths`: (B,) integers in 0 .. T, None where all have T
    steps. What stands past a length has no influence. A sequence without steps has the probability 1.

    Raises:
        ArgumentError: sizes and shapes that do not fit.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        check_size("labels", labels, remedy="It is the number of labels that a step may have.")
        self.labels = labels
        self.begin = nn.Parameter(torch.empty(labels))
        self.transitions = nn.Parameter(torch.empty(labels, labels))
        self.end = nn.Parameter(torch.empty(labels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all scores anew, uniform within ± 0.1."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -SPREAD, SPREAD)

    def forward(self, scores: Tensor, labels: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The negative log-likelihood (B,), in nats, of `labels` (T, B), whole numbers of 0 .. K - 1."""
        lengths = self._lengths(scores, lengths)
        if labels.shape != scores.shape[:2]:
            got = shown(f"shape {tuple(labels.shape)}")
            raise wrong("labels", expected=f"shape {tuple(scores.shape[:2])}, as the scores have", got=got)
        return self.log_partition(scores, lengths) - self.score(scores, labels, lengths)

    def score(self, scores: Tensor, labels: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The score (B,) of `labels` (T, B), not normalised."""
        lengths = self._lengths(scores, lengths)
        steps = torch.arange(len(scores), device=scores.device)[:, None]
        inside = steps < lengths
        labels = labels.masked_fill(~inside, 0)
        terms = scores.gather(2, labels[:, :, None]).squeeze(2)
        terms = terms + torch.where(steps == 0, self.begin[labels], 0.0)
        terms = terms + torch.where(steps == lengths - 1, self.end[labels], 0.0)
        total = terms.masked_fill(~inside, 0.0).sum(0)
        pairs = self.transitions[labels[:-1], labels[1:]]
        return total + pairs.masked_fill(~inside[1:], 0.0).sum(0)

    def log_partition(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The logarithm (B,) of the sum over all label sequences: the forward algorithm."""
        lengths = self._lengths(scores, lengths)
        if len(scores) == 0:
            return scores.new_zeros(scores.shape[1])
        reached = self._reached(scores, lengths)[-1]
        return torch.where(lengths > 0, (reached + self.end).logsumexp(1), 0.0)

    def marginals(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The probability (T, B, K) of each label at each step, by forward and backward; 0 past a length."""
        lengths = self._lengths(scores, lengths)
        if len(scores) == 0:
            return scores
        before = self._reached(scores, lengths)
        after = [self.end.expand_as(scores[0])]
        for t in range(len(scores) - 1, 0, -1):
            onward = (self.transitions + (scores[t] + after[-1])[:, None]).logsumexp(2)
            after.append(torch.where((t < lengths)[:, None], onward, after[-1]))
        joint = torch.stack(before) + torch.stack(after[::-1])
        inside = torch.arange(len(scores), device=scores.device)[:, None] < lengths
        return joint.softmax(2).masked_fill(~inside[:, :, None], 0.0)

    def decode(self, scores: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The most probable labels (T, B) as a whole, by Viterbi's algorithm; 0 past a length."""
        lengths = self._lengths(scores, lengths)
        best = torch.zeros(scores.shape[:2], dtype=torch.int64, device=scores.device)
        if len(scores) == 0:
            return best
        reached, origins = self.begin + scores[0], []
        for t in range(1, len(scores)):
            highest, origin = (reached[:, :, None] + self.transitions).max(1)
            reached = torch.where((t < lengths)[:, None], highest + scores[t], reached)
            origins.append(origin)
        label = (reached + self.end).argmax(1)
        for t in range(len(scores) - 1, -1, -1):
            best[t] = label
            if t > 0:
                earlier = origins[t - 1].gather(1, label[:, None]).squeeze(1)
                label = torch.where(t < lengths, earlier, label)
        inside = torch.arange(len(scores), device=scores.device)[:, None] < lengths
        return best.masked_fill(~inside, 0)

    def _reached(self, scores: Tensor, lengths: Tensor) -> list[Tensor]:
        """For each step (B, K): log of the sum over the label sequences that end there in each label.

        Past a length the last one stands on.
        """
        reached = [self.begin + scores[0]]
        for t in range(1, len(scores)):
            onward = (reached[-1][:, :, None] + self.transitions).logsumexp(1) + scores[t]
            reached.append(torch.where((t < lengths)[:, None], onward, reached[-1]))
        return reached

    def _lengths(self, scores: Tensor, lengths: Tensor | None) -> Tensor:
        if scores.dim() != 3 or scores.shape[2] != self.labels:
            got = shown(f"shape {tuple(scores.shape)}")
            raise wrong("scores", expected=f"shape (T, B, {self.labels})", got=got)
        steps, batch = scores.shape[:2]
        if lengths is None:
            return torch.full((batch,), steps, device=scores.device)
        if lengths.shape != (batch,):
            got = shown(f"shape {tuple(lengths.shape)}")
            raise wrong("lengths", expected=f"one for each sequence, shape ({batch},)", got=got)
        return lengths

    def extra_repr(self) -> str:
        return str(self.labels)
