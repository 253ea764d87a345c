"""One step at a time of one sequence through a stack of layers, for what writes or listens: no gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from elman.backends.single import SingleStep
from elman.errors import wrong
from elman.nn import regularisers
from elman.nn.recurrent import Recurrent

States = list[list[np.ndarray]]  # (W,) each: of each layer, in the cell's order


class Stepper:
    """`layers`, in evaluation, as a function of one step; weights are those at the time of making.

    Raises `ArgumentError` for layers that read from the end too.
    """

    def __init__(self, layers: Recurrent) -> None:
        if layers.bidirectional:
            raise wrong("layers", expected="layers that read one way", got=layers)
        names = [parameter.name for parameter in layers.program.parameters]
        program = layers.running_program
        self._steps = [
            SingleStep(program, dict(zip(names, weights, strict=True)), _masks(layers, layer, weights[0]))
            for layer, weights in enumerate(layers.all_weights)
        ]

    @staticmethod
    def states(state: Any) -> States:
        """The final state of a call of the layers on one sequence (B = 1), in which form it goes on."""
        tensors: tuple[Tensor, ...] = state if isinstance(state, tuple) else (state,)
        arrays = [tensor.detach().cpu().numpy() for tensor in tensors]
        return [[array[layer, 0] for array in arrays] for layer in range(len(arrays[0]))]

    def __call__(self, x: np.ndarray, states: States) -> tuple[np.ndarray, States]:
        """(the last layer's output (D,), the states after) of x (I,) and the states before."""
        after = []
        for step, before in zip(self._steps, states, strict=True):
            after.append(step(x, before))
            x = after[-1][0]
        return x, after


def _masks(layers: Recurrent, layer: int, like: Tensor) -> dict[str, Tensor]:
    """Those that hold at every step of an evaluation, (W,), by name."""
    program = layers.running_program
    masks = regularisers.draw_masks(
        program, (1, 1), layers._sizes(layer), like, dropout=0.0, mode="sequence",
        zoneout=layers.zoneout, training=False,
    )  # fmt: skip
    return {name: mask[0] for name, mask in masks.items()}
