"""`memory="low"`: the same numbers with less kept."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elman import cells, nn
from elman.backends import recurrence
from elman.backends.blocks import _ranges
from elman.backends.given import Given
from elman.errors import ArgumentError

SIZES = {"I": 3, "H": 4, "P": 2}


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("steps", [0, 1, 2, 9, 10, 1000])
def test_blocks_are_of_root_t_steps(steps, reverse):
    ranges = _ranges(Given(torch.empty(steps, 1, 1), {}, [], reverse=reverse))
    walked = [t for block in ranges for t in (reversed(block) if reverse else block)]
    assert walked == (list(reversed(range(steps))) if reverse else list(range(steps)))
    assert all(len(block) ** 2 < steps + 2 * steps**0.5 + 1 for block in ranges)
    assert len(ranges) <= 33


@pytest.mark.parametrize("steps", [0, 1, 2, 11])
@pytest.mark.parametrize("form", ["plain", "ragged", "reset"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize(
    "cell",
    [
        cells.RNN(),
        cells.RNN(activation="gelu"),
        cells.GRU(),
        cells.LSTM(peepholes=True, projection=True),
        cells.SLSTM(),
    ],
    ids=repr,
)
def test_low_gives_what_fast_gives(cell, reverse, form, steps):
    program, batch = cell.program(), 3
    parameters = {p.name: torch.randn(p.shape(SIZES), requires_grad=True) for p in program.parameters}
    x = torch.randn(steps, batch, 3, requires_grad=True)
    states = [torch.randn(batch, SIZES[s.width], requires_grad=True) for s in program.states]
    lengths = None if form == "plain" else torch.tensor([steps, 0, steps // 2])
    resets = torch.rand(steps, batch) > 0.6 if form == "reset" else None
    outputs, gradients = [], []
    for memory in ("fast", "low"):
        sequences, finals = recurrence(
            program,
            x,
            parameters,
            states,
            lengths=lengths,
            resets=resets,
            reverse=reverse,
            all_states=form == "reset",
            memory=memory,
            backend="engine",
        )
        values = [*sequences, *finals]
        torch.manual_seed(2)
        loss = sum((v * torch.randn_like(v)).sum() for v in values)
        outputs.append(values)
        gradients.append(torch.autograd.grad(loss, [x, *parameters.values(), *states], allow_unused=True))
    assert all(torch.equal(fast, low) for fast, low in zip(*outputs, strict=True))
    named = dict(
        zip(
            ["x", *parameters, *(f"state {i}" for i in range(len(states)))],
            zip(*gradients, strict=True),
            strict=True,
        )
    )
    for name, (fast, low) in named.items():
        # sums over steps, of biases and the like, are rounded block by block
        if name == "x" or name.startswith("weight"):
            assert torch.equal(fast, low), name
        else:
            torch.testing.assert_close(fast, low, rtol=2e-6, atol=2e-6, msg=name)


def test_what_is_kept():
    """Beside the output, low holds the states between blocks, and nothing of each step."""

    def kept(memory: str) -> int:
        layer = nn.LSTM(8, 16, backend="engine", memory=memory)
        found: dict[int, Tensor] = {}

        def pack(tensor: Tensor) -> Tensor:
            found[tensor.untyped_storage().data_ptr()] = tensor
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            layer(torch.randn(400, 4, 8))
        own = {p.data_ptr() for p in layer.parameters()}
        return sum(t.numel() for address, t in found.items() if address not in own)

    x, output, between = 400 * 4 * 8, 400 * 4 * 16, 2 * 19 * 4 * 16
    assert kept("low") <= x + output + between + 3 * 4 * 16
    assert kept("fast") > 2 * kept("low")


def test_unknown_memory():
    program = cells.RNN().program()
    with pytest.raises(
        ArgumentError, match=r"memory: unknown name 'lo'\. Did you mean 'low'\? Valid: fast, low\."
    ):
        recurrence(program, torch.empty(1, 1, 3), {}, [None], memory="lo")
