"""`resets=`: segments inside sequences are walked as if each were a sequence of its own."""

from __future__ import annotations

import itertools

import pytest
import torch

from elman import cells
from elman.backends import recurrence

SIZES = {"I": 3, "H": 4, "P": 2}


def given(program, steps, batch):
    """Parameters, x and states as leaves."""
    parameters = {p.name: torch.randn(p.shape(SIZES), requires_grad=True) for p in program.parameters}
    x = torch.randn(steps, batch, 3, requires_grad=True)
    return parameters, x, [torch.randn(batch, SIZES[s.width], requires_grad=True) for s in program.states]


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("backend", ["engine", "reference"])
def test_each_segment_runs_as_if_alone(backend, reverse):
    program = cells.LSTM(peepholes=True, projection=True).program()
    parameters, x, states = given(program, 9, 2)
    resets = torch.zeros(9, 2, dtype=torch.bool)
    resets[[0, 3, 4, 7], 0] = True  # step 0 begins a segment anyway
    resets[8, 1] = True  # past the length of the second sequence
    lengths = torch.tensor([9, 6])
    options = {"reverse": reverse, "backend": backend, "all_states": True}
    sequences, finals = recurrence(program, x, parameters, states, lengths=lengths, resets=resets, **options)
    for b, cuts in ((0, (0, 3, 4, 7, 9)), (1, (0, 6))):
        pieces = [
            recurrence(
                program, x[start:stop, b : b + 1], parameters, [s[b : b + 1] for s in states], **options
            )
            for start, stop in itertools.pairwise(cuts)
        ]
        for number, whole in enumerate(sequences):
            alone = torch.cat([piece[0][number] for piece in pieces])[:, 0]
            torch.testing.assert_close(whole[: cuts[-1], b], alone, rtol=0, atol=1e-6)
            assert not whole[cuts[-1] :, b].any()
        ends = pieces[0 if reverse else -1][1]
        for final, end in zip(finals, ends, strict=True):
            torch.testing.assert_close(final[b], end[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_gradients_stop_at_resets(reverse):
    program = cells.GRU().program()
    parameters, x, states = given(program, 6, 1)
    resets = torch.tensor([[False], [False], [False], [True], [False], [False]])
    for backend in ("engine", "reference"):
        (output,), _ = recurrence(
            program, x, parameters, states, resets=resets, reverse=reverse, backend=backend
        )
        (slope,) = torch.autograd.grad(output[0 if reverse else -1].sum(), x)
        reached = slope.flatten(1).any(1).tolist()
        assert reached == [reverse] * 3 + [not reverse] * 3


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_many_segments_are_walked_in_groups(share, threads):
    torch.set_num_threads(threads)
    program = cells.LSTM().program()
    parameters, x, states = given(program, 60, 7)
    resets = torch.rand(60, 7) < share
    assert resets.sum() > 64 * threads * 0.9
    lengths = torch.randint(61, (7,))
    lengths[0] = 60
    leaves = [x, *parameters.values(), *states]
    found = {}
    for backend in ("engine", "reference"):
        sequences, finals = recurrence(
            program, x, parameters, states, lengths=lengths, resets=resets, all_states=True, backend=backend
        )
        loss = sum(value.square().sum() for value in (*sequences, *finals))
        found[backend] = [*sequences, *finals, *torch.autograd.grad(loss, leaves)]
    for ours, expected in zip(found["engine"], found["reference"], strict=True):
        allowed = 2e-5 * max(1.0, expected.abs().max().item())
        assert (ours - expected).abs().max().item() <= allowed
