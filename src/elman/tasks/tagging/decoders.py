"""Decoders: what the scores of the steps say, as a loss, as probabilities and as labels.

Dimensions: T steps, B sequences, K labels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elman.errors import unknown
from elman.nn import CRF


class Decoder(nn.Module, ABC):
    """Reads scores (T, B, K); what stands past the lengths (B,) has no influence."""

    @abstractmethod
    def loss(self, scores: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        """The negative log-likelihood of the labels, in nats, summed over all steps; a scalar."""

    @abstractmethod
    def probabilities(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """The probability (T, B, K) of each label at each step."""

    @abstractmethod
    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """The labels that are said, in the form of those that `loss` takes."""


class Softmax(Decoder):
    """One label a step, each step for itself; labels (T, B) int64."""

    def loss(self, scores: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        inside = within(lengths, len(scores))
        return F.cross_entropy(scores[inside], labels[inside], reduction="sum")

    def probabilities(self, scores: Tensor, lengths: Tensor) -> Tensor:
        return scores.softmax(2)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        return scores.argmax(2)


class Sigmoid(Decoder):
    """Any number of labels a step, each label for itself; labels (T, B, K) of 0 and 1."""

    def loss(self, scores: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        inside = within(lengths, len(scores))
        return F.binary_cross_entropy_with_logits(
            scores[inside], labels[inside].to(scores.dtype), reduction="sum"
        )

    def probabilities(self, scores: Tensor, lengths: Tensor) -> Tensor:
        return scores.sigmoid()

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        return (scores > 0).float()


class Chain(Decoder):
    """One label a step, all steps of a sequence together, by a conditional random field; labels (T, B)."""

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.crf = CRF(labels)

    def loss(self, scores: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        return self.crf(scores, labels, lengths).sum()

    def probabilities(self, scores: Tensor, lengths: Tensor) -> Tensor:
        return self.crf.marginals(scores, lengths)

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        return self.crf.decode(scores, lengths)


#: the names of the decoders, those of one label a step first
DECODERS = ("softmax", "crf", "sigmoid")


def decoder_named(name: str, labels: int) -> Decoder:
    """A new decoder of that name for K labels."""
    if name == "crf":
        return Chain(labels)
    if name not in DECODERS:
        raise unknown("decoder", name, DECODERS)
    return Softmax() if name == "softmax" else Sigmoid()


def within(lengths: Tensor, steps: int) -> Tensor:
    """(T, B) bool: the steps that are not past the lengths."""
    return torch.arange(steps, device=lengths.device)[:, None] < lengths
