"""The single reader beside the layers in float64: every registered cell, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman import cells
from elman.errors import ArgumentError
from elman.nn import Recurrent
from elman.nn.stepping import Stepper

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-10}
CASES = [(name, dict(options)) for name in cells.names() for options in cells.variants(name)]


def walk(layers: Recurrent, dtype: torch.dtype) -> None:
    """Steps that begin behind a prefix agree with one pass over all, in outputs and final states."""
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter += 0.2 * torch.randn_like(parameter)  # so that none is zero or like another
    oracle = layers.eval()
    x = torch.randn(9, 1, layers.input_size, dtype=torch.float64)
    with torch.no_grad():
        _, state = oracle.to(dtype)(x[:4].to(dtype))
        step, states = Stepper(layers), Stepper.states(state)
        outputs = []
        for row in x[4:, 0].to(dtype).numpy():
            kept = [[array.copy() for array in arrays] for arrays in states]
            output, after = step(row, states)
            for arrays, copies in zip(states, kept, strict=True):  # what was given is left as it was
                for array, copy in zip(arrays, copies, strict=True):
                    np.testing.assert_array_equal(array, copy)
            outputs.append(output)
            states = after
        expected, final = oracle.double()(x)
    assert outputs[0].dtype == np.dtype(str(dtype).removeprefix("torch."))
    scale = max(expected.abs().max().item(), 1.0)
    np.testing.assert_allclose(np.stack(outputs), expected[4:, 0], rtol=0, atol=TOLERANCE[dtype] * scale)
    wanted = final if isinstance(final, tuple) else (final,)
    for layer, arrays in enumerate(states):
        for array, tensor in zip(arrays, wanted, strict=True):
            bound = TOLERANCE[dtype] * max(tensor.abs().max().item(), 1.0)
            np.testing.assert_allclose(array, tensor[layer, 0], rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_every_cell(name: str, options: dict[str, Any], dtype: torch.dtype) -> None:
    bias = dtype is torch.float32
    projected = 4 if options.get("projection") else 0
    cell = cells.create(name, **options)
    walk(Recurrent(cell, 3, 8, bias=bias, proj_size=projected, dtype=torch.float64), dtype)


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 3},
        {"zoneout": 0.3, "recurrent_dropout": 0.4, "dropout": 0.5, "num_layers": 2},
        {"weight_drop": 0.5, "input_dropout": 0.2, "learn_initial_state": True},
        {"proj_size": 5, "num_layers": 2},
    ],
    ids=str,
)
def test_layers_in_evaluation(options: dict[str, Any]) -> None:
    cell = cells.LSTM(projection=True) if "proj_size" in options else "lstm"
    walk(Recurrent(cell, 3, 7, dtype=torch.float64, **options), torch.float32)


def test_layers_that_read_from_the_end_too() -> None:
    with pytest.raises(ArgumentError, match="layers: expected layers that read one way, got Recurrent"):
        Stepper(Recurrent("gru", 3, 7, bidirectional=True))
