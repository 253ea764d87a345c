"""The conditional random field, held against the sum over every label sequence."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from elman.errors import ArgumentError
from elman.nn import CRF

LENGTHS = torch.tensor([4, 1, 5, 0, 3])
K, T = 3, 5


@pytest.fixture
def crf() -> CRF:
    crf = CRF(K).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


@pytest.fixture
def scores() -> Tensor:
    return torch.randn(T, len(LENGTHS), K, dtype=torch.float64)


def score(crf: CRF, scores: Tensor, path: tuple[int, ...]) -> float:
    """Of one label sequence, written out from the docstring; `scores` (T, K) of one sequence."""
    if not path:
        return 0.0
    total = crf.begin[path[0]] + crf.end[path[-1]]
    for t, label in enumerate(path):
        total = total + scores[t, label] + (crf.transitions[path[t - 1], label] if t else 0.0)
    return total.item()


def every_path(crf: CRF, scores: Tensor, length: int) -> dict[tuple[int, ...], float]:
    """The score of each of the K^length label sequences."""
    return {path: score(crf, scores, path) for path in product(range(K), repeat=length)}


def test_the_forward_algorithm_is_the_sum_over_all_label_sequences(crf: CRF, scores: Tensor) -> None:
    logs = crf.log_partition(scores, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        paths = torch.tensor(list(every_path(crf, scores[:, b], length).values()), dtype=torch.float64)
        torch.testing.assert_close(logs[b], paths.logsumexp(0))


def test_likelihoods_sum_to_one(crf: CRF, scores: Tensor) -> None:
    for b, length in enumerate(LENGTHS.tolist()):
        paths = (
            torch.tensor(list(product(range(K), repeat=length)), dtype=torch.int64)
            .reshape(K**length, length)
            .T
        )
        alone = scores[:length, b : b + 1].expand(-1, paths.shape[1], -1)
        losses = crf(alone, paths)
        torch.testing.assert_close((-losses).exp().sum(), torch.ones((), dtype=torch.float64))


def test_scores(crf: CRF, scores: Tensor) -> None:
    labels = torch.randint(0, K, (T, len(LENGTHS)))
    given = crf.score(scores, labels, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        expected = score(crf, scores[:, b], tuple(labels[:length, b].tolist()))
        assert given[b].item() == pytest.approx(expected)


def test_the_most_probable_labels(crf: CRF, scores: Tensor) -> None:
    best = crf.decode(scores, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        paths = every_path(crf, scores[:, b], length)
        assert tuple(best[:length, b].tolist()) == max(paths, key=lambda path: paths[path])
        assert best[length:, b].eq(0).all()


def test_marginals(crf: CRF, scores: Tensor) -> None:
    marginals = crf.marginals(scores, LENGTHS)
    for b, length in enumerate(LENGTHS.tolist()):
        paths = every_path(crf, scores[:, b], length)
        chances = torch.tensor(list(paths.values()), dtype=torch.float64).softmax(0).tolist()
        expected = torch.zeros(T, K, dtype=torch.float64)
        for path, chance in zip(paths, chances, strict=True):
            for t, label in enumerate(path):
                expected[t, label] += chance
        torch.testing.assert_close(marginals[:, b], expected)


def test_marginals_are_the_gradient_of_the_log_partition(crf: CRF, scores: Tensor) -> None:
    scores.requires_grad_()
    (gradient,) = torch.autograd.grad(crf.log_partition(scores, LENGTHS).sum(), scores)
    torch.testing.assert_close(gradient, crf.marginals(scores, LENGTHS).detach())


def test_gradients(crf: CRF, scores: Tensor) -> None:
    labels = torch.randint(0, K, (T, len(LENGTHS)))
    names = [name for name, _ in crf.named_parameters()]

    def loss(scores: Tensor, *parameters: Tensor) -> Tensor:
        given = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(crf, given, (scores, labels, LENGTHS))

    inputs = (scores.requires_grad_(), *(p.detach().clone().requires_grad_() for p in crf.parameters()))
    assert torch.autograd.gradcheck(loss, inputs)


def test_what_stands_past_a_length_has_no_influence(crf: CRF, scores: Tensor) -> None:
    labels = torch.randint(0, K, (T, len(LENGTHS)))
    past = torch.arange(T)[:, None] >= LENGTHS
    spoiled = scores.masked_fill(past[:, :, None], 1e6)
    torch.testing.assert_close(
        crf(spoiled, labels.masked_fill(past, -100), LENGTHS), crf(scores, labels, LENGTHS)
    )
    assert torch.equal(crf.decode(spoiled, LENGTHS), crf.decode(scores, LENGTHS))
    torch.testing.assert_close(crf.marginals(spoiled, LENGTHS), crf.marginals(scores, LENGTHS))


def test_without_steps(crf: CRF) -> None:
    nothing = torch.zeros(0, 2, K, dtype=torch.float64)
    assert crf(nothing, torch.zeros(0, 2, dtype=torch.int64)).tolist() == [0.0, 0.0]
    assert crf.decode(nothing).shape == (0, 2)
    assert crf.marginals(nothing).shape == (0, 2, K)


def test_a_long_sequence_stays_finite() -> None:
    crf = CRF(K)
    scores = 50 * torch.randn(2000, 2, K)
    loss = crf(scores, torch.randint(0, K, (2000, 2)))
    assert loss.isfinite().all()
    assert (loss > 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda crf: CRF(0),
            "labels: expected an integer >= 1, got 0. It is the number of labels that a step may have.",
        ),
        (
            lambda crf: crf.decode(torch.zeros(T, 2, 4)),
            "scores: expected shape (T, B, 3), got shape (5, 2, 4).",
        ),
        (
            lambda crf: crf(torch.zeros(T, 2, K), torch.zeros(2, T, dtype=torch.int64)),
            "labels: expected shape (5, 2), as the scores have, got shape (2, 5).",
        ),
        (
            lambda crf: crf.decode(torch.zeros(T, 2, K), torch.tensor([1])),
            "lengths: expected one for each sequence, shape (2,), got shape (1,).",
        ),
    ],
)
def test_errors(crf: CRF, call, message: str) -> None:
    with pytest.raises(ArgumentError) as error:
        call(crf)
    assert str(error.value) == message
