"""One step at a time through a stack of layers, for what writes or listens: no checks, no gradients."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from elman.backends import torch_kernels
from elman.errors import wrong
from elman.nn.recurrent import Recurrent


class Stepper:
    """`layers`, in evaluation, as a function of one step; weights are those at the time of making.

    Where torch has the cell as a kernel of one step, that runs: at few sequences a step is mostly what is
    called around its arithmetic, and the engine would pack the weights for it anew.

    Raises `ArgumentError` for layers that read from the end too.
    """

    def __init__(self, layers: Recurrent) -> None:
        if layers.bidirectional:
            raise wrong("layers", expected="layers that read one way", got=layers)
        self.layers = layers
        names = [parameter.name for parameter in layers.program.parameters]
        self.weights = [dict(zip(names, weights, strict=True)) for weights in layers.all_weights]
        plain = layers.running_program is layers.program
        self.kernel = torch_kernels.step_of(layers.program) if plain else None

    def __call__(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(the last layer's output (B, D), the state after) of x (B, I) and the state before, as `Recurrent`
        takes and gives it; None: the first one."""
        if self.kernel is None or state is None:
            steps, state = self.layers(x.unsqueeze(0), state)
            return steps[0], state
        return self._kernel_step(x, state if isinstance(state, list) else self._by_layer(state))

    def _by_layer(self, state: Any) -> list[list[Tensor]]:
        """The states of each layer, in which form they are carried from here on."""
        tensors = state if isinstance(state, tuple) else (state,)
        return [[tensor[layer] for tensor in tensors] for layer in range(self.layers.num_layers)]

    def _kernel_step(self, x: Tensor, states: list[list[Tensor]]) -> tuple[Tensor, Any]:
        assert self.kernel is not None
        after = []
        for weights, before in zip(self.weights, states, strict=True):
            after.append(list(self.kernel(x, before, weights)))
            x = after[-1][0]
        return x, after
