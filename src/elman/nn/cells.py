"""RNNCell, GRUCell and LSTMCell: one step at a time, as `torch.nn`'s.

They have the same cell definitions as the layers. One step is too little for a loop over time to pay: where
torch has a kernel for the very step it runs; others run on the engine, or on the reference reader, which has
less to set up, where gradients are wanted and under `torch.func`, which does not reach into the kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from elman import cells
from elman.backends import autocast, check_device, prepare, recurrence, torch_kernels
from elman.backends.autograd import transformed
from elman.cells.checks import named_options
from elman.errors import shown, wrong
from elman.nn import weights
from elman.nn.arguments import check_dimensions, check_flag, check_input, check_size, check_states
from elman.nn.layers import check_nonlinearity


class SingleStep(Module):
    """What the three share: parameters `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, and the call."""

    def __init__(
        self,
        cell: cells.Cell,
        input_size: int,
        hidden_size: int,
        bias: bool,
        device: Any,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        check_size("input_size", input_size, remedy="It is the number of features of the input.")
        check_size("hidden_size", hidden_size, remedy="It is the number of features of the hidden state.")
        check_flag("bias", bias)
        self.cell = cell
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self._derive()
        sizes = {"I": input_size, "H": hidden_size, "P": 0}
        self._names = weights.add_parameters(
            self, self.program.parameters, sizes, "", device=device, dtype=dtype
        )
        for parameter in cell.program(bias=True).parameters:
            if parameter.name not in self._names:
                self.register_parameter(parameter.name, None)
        self.reset_parameters()

    def _derive(self) -> None:
        """What follows from the cell and is neither copied nor pickled."""
        self.program = self.cell.program(bias=self.bias)
        self._kernel = torch_kernels.step_of(self.program)
        prepare(self.program)

    def reset_parameters(self) -> None:
        """Draw every parameter anew, uniform within ±1/√H, as torch does."""
        for parameter in self.program.parameters:
            weights.initialise(self, parameter.name, parameter, self.hidden_size)

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """One step.

        Args:
            input: (B, I), or (I,) for one sequence.
            hx: the state (B, H), or (H,) beside one sequence; for LSTMCell the tuple (h, c). None: zeros.

        Returns:
            The next state, shaped as `hx`.

        Under torch.autocast("cpu", torch.bfloat16) a cell of float32 weights takes matrix products of
        bfloat16, added in float32; under any autocast the state has the dtype of the weights.

        Raises:
            ArgumentError: shapes, dtypes or devices that do not fit.
            BackendError: the cell is on the meta device.
        """
        weight: Tensor = getattr(self, self._names[0])
        check_device(self.program, weight.device)
        if not torch.is_autocast_enabled(weight.device.type):
            return self._step(input, hx, weight)
        products = autocast.products(self.program, weight, "auto")
        with torch.autocast(weight.device.type, enabled=False):
            return self._step(autocast.cast(input, weight), autocast.cast(hx, weight), weight, products)

    def _step(self, input: Tensor, hx: Any, weight: Tensor, products: torch.dtype | None = None) -> Any:
        if not isinstance(input, Tensor):
            raise wrong("input", expected="a tensor", got=shown(f"a {type(input).__name__}"))
        check_dimensions(input, ("features",))
        check_input(input, weight, self.input_size)
        batched = input.dim() == 2
        states = self._initial(hx, input, weight)
        parameters = {name: getattr(self, name) for name in self._names}
        rows = [state if batched or state is None else state.unsqueeze(0) for state in states]
        finals = self._next(input if batched else input.unsqueeze(0), parameters, rows, products)
        state = finals if batched else tuple(final.squeeze(0) for final in finals)
        return state[0] if len(state) == 1 else tuple(state)

    def _next(
        self,
        x: Tensor,
        parameters: dict[str, Tensor],
        states: Sequence[Tensor | None],
        products: torch.dtype | None,
    ) -> Sequence[Tensor]:
        """The states after one step of x (B, I) from `states` (B, H), or None for zeros."""
        if self._kernel is not None and products is None and not transformed():
            zeros = [x.new_zeros(x.shape[0], self.hidden_size) if s is None else s for s in states]
            return self._kernel(x, zeros, parameters)
        light = products is None and (torch.is_grad_enabled() or transformed())
        backend = "reference" if light else "auto"  # products of bfloat16 are the engine's
        steps = x.unsqueeze(0)
        return recurrence(self.program, steps, parameters, states, backend=backend, products=products)[1]

    def _initial(self, hx: Any, input: Tensor, weight: Tensor) -> list[Tensor] | list[None]:
        declared = [state.name for state in self.program.states]
        if hx is None:
            return [None] * len(declared)
        shape = (*input.shape[:-1], self.hidden_size)
        legend = "batch, hidden_size" if input.dim() == 2 else "hidden_size,"
        return check_states(hx, declared, [shape] * len(declared), legend, weight)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles hold the cell; its Program is traced again."""
        return {k: v for k, v in self.__dict__.items() if k not in ("program", "_kernel")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._derive()


class RNNCell(SingleStep):
    """One step of Elman's network, as `torch.nn.RNNCell`; `nonlinearity` as in `elman.nn.RNN`."""

    @named_options()
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        cell = cells.RNN(activation=check_nonlinearity(nonlinearity))
        super().__init__(cell, input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        usual = self.nonlinearity == "tanh"
        return super().extra_repr() + ("" if usual else f", nonlinearity={self.nonlinearity}")


class GRUCell(SingleStep):
    """One step of a GRU, as `torch.nn.GRUCell`; gate order r, z, n; `reset_after` as in `elman.nn.GRU`."""

    @named_options()
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        reset_after: bool = True,
    ) -> None:
        check_flag("reset_after", reset_after)
        super().__init__(cells.GRU(reset_after=reset_after), input_size, hidden_size, bias, device, dtype)
        self.reset_after = reset_after

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")


class LSTMCell(SingleStep):
    """One step of an LSTM, as `torch.nn.LSTMCell`; gate order i, f, g, o; `peepholes` as in `nn.LSTM`."""

    @named_options()
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        peepholes: bool = False,
    ) -> None:
        check_flag("peepholes", peepholes)
        super().__init__(cells.LSTM(peepholes=peepholes), input_size, hidden_size, bias, device, dtype)
        self.peepholes = peepholes

    def extra_repr(self) -> str:
        return super().extra_repr() + (", peepholes=True" if self.peepholes else "")
