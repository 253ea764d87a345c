"""Recurrent: stacking, directions, lengths, dropout and the caller's layouts, once for all cells.

Dimensions: T steps, B sequences, I input features, H hidden features, P projected features, W features of one
state (H or P), L layers, D directions (1 or 2).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from elman.backends import prepare, recurrence
from elman.cells import Cell
from elman.nn import weights
from elman.nn.arguments import (
    check_backend,
    check_dropout,
    check_flag,
    check_input,
    check_size,
    check_states,
    choose_cell,
)
from elman.nn.sequences import Sequences, arrange


class Recurrent(Module):
    """A stack of recurrent layers of any cell, with the conventions of `torch.nn`'s recurrent layers.

    Args:
        cell: a name among `elman.cells.names()`, or a `Cell`, one of your own included.
        input_size: I, features of the input, at least 1.
        hidden_size: H, hidden features, at least 1.
        num_layers: L, layers, at least 1; layer k + 1 reads the outputs of layer k.
        bias: whether the cell's products have biases.
        batch_first: whether batched input and output are (B, T, F) instead of (T, B, F); states never are.
        dropout: probability in [0, 1] that an element of a layer's output, the last layer excepted, is zeroed
            in training.
        bidirectional: whether each layer also walks its input from the end; outputs stand side by side.
        proj_size: P, features of the projected output, less than H; 0 for a cell without a projection.
        backend: "auto", or the reader to use, "engine" or "reference". A named one never falls back.
        device, dtype: of the parameters, as for any module.

    Parameters are named `{name}_l{layer}`, with `_reverse` behind it for the second direction;
    `elman.nn.weights` documents names, shapes and the order of the gates.

    Raises:
        ArgumentError: an argument outside its range, or an unknown cell; the message names the remedy.
    """

    def __init__(
        self,
        cell: str | Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        backend: str = "auto",
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_size("input_size", input_size, remedy="It is the number of features of one step of the input.")
        check_size("hidden_size", hidden_size, remedy="It is the number of features of the hidden state.")
        check_size("num_layers", num_layers, remedy="One layer is num_layers=1.")
        check_size("proj_size", proj_size, least=0, remedy="0 leaves the output at hidden_size features.")
        check_flag("bias", bias)
        check_flag("batch_first", batch_first)
        check_flag("bidirectional", bidirectional)
        check_dropout(dropout, num_layers, stacklevel=2 if type(self) is Recurrent else 3)
        check_backend(backend)
        self.cell = choose_cell(cell, hidden_size, proj_size)
        self.program = self.cell.program(bias=bias)
        prepare(self.program)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self.backend = backend
        self._names = [parameter.name for parameter in self.program.parameters]
        self._all_weights = [
            weights.add_parameters(
                self,
                self.program.parameters,
                self._sizes(layer),
                weights.suffix(layer, direction),
                device=device,
                dtype=dtype,
            )
            for layer in range(num_layers)
            for direction in range(1 + bidirectional)
        ]
        self.reset_parameters()

    def _sizes(self, layer: int) -> dict[str, int]:
        """The numbers behind the widths I, H and P in that layer."""
        sizes = {"I": self.input_size, "H": self.hidden_size, "P": self.proj_size}
        if layer > 0:
            sizes["I"] = sizes[self.program.states[0].width] * (1 + self.bidirectional)
        return sizes

    def reset_parameters(self) -> None:
        """Draw every parameter anew, as its cell declares; by default uniform within ±1/√H, as torch does."""
        for names in self._all_weights:
            for name, parameter in zip(names, self.program.parameters, strict=True):
                weights.initialise(self, name, parameter, self.hidden_size)

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing to do: kept so that code written for torch.nn runs unchanged."""

    def forward(self, input: Tensor | PackedSequence, hx: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """Walk the sequences.

        Args:
            input: (T, B, I), (B, T, I) with batch_first, (T, I) for one sequence, or a PackedSequence.
            hx: initial state (L * D, B, W), or (L * D, W) beside one sequence; for a cell with several states
                a tuple of them in the cell's order, such as (h, c). None: zeros.
            lengths: (B,) integers in 0 .. T, in any order, as a list or tensor. None: all have T steps.

        Returns:
            The last layer's outputs in the input's layout, with D * W features, zero past a length; and the
            final state, shaped as `hx`, of each sequence at its own end (for length 0 its initial state), by
            layer, and in each layer forward before backward.

        Raises:
            ArgumentError: shapes, dtypes, devices or lengths that do not fit.
            BackendError: the backend that the layer names cannot serve these tensors.
        """
        weight: Tensor = getattr(self, self._all_weights[0][0])
        sequences = arrange(input, lengths, self.batch_first)
        if _autocast(weight):  # recurrences run in the weights' dtype
            with torch.autocast(weight.device.type, enabled=False):
                sequences.data = sequences.data.to(weight.dtype)
                return self._run(sequences, hx, weight)
        return self._run(sequences, hx, weight)

    def _run(self, sequences: Sequences, hx: Any, weight: Tensor) -> tuple[Any, Any]:
        check_input(sequences.data, weight, self.input_size)
        output, finals = self._walk(sequences.data, self._initial(hx, sequences, weight), sequences.lengths)
        state = [sequences.state_out(final) for final in finals]
        return sequences.output(output), state[0] if len(state) == 1 else tuple(state)

    def _initial(self, hx: Any, sequences: Sequences, weight: Tensor) -> list[Tensor] | None:
        """The caller's states, checked, each (L * D, B, W) in the order of the sequences; None for zeros."""
        if hx is None:
            return None
        sizes, states = self._sizes(0), self.program.states
        rows = self.num_layers * (1 + self.bidirectional)
        batch = (sequences.data.shape[1],) if sequences.batched else ()
        legend = "num_layers * directions, " + ("batch, " if sequences.batched else "") + "features"
        shapes = [(rows, *batch, sizes[state.width]) for state in states]
        given = check_states(hx, [state.name for state in states], shapes, legend, weight)
        return [sequences.state_in(state) for state in given]

    def _walk(
        self, x: Tensor, states: list[Tensor] | None, lengths: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Every layer over x (T, B, I) from `states`, one (L * D, B, W) for each of the cell's."""
        finals: list[tuple[Tensor, ...]] = []
        count = len(self.program.states)
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(1 + self.bidirectional):
                place = len(finals)
                (output,), final = recurrence(
                    self.program,
                    x,
                    {p: getattr(self, n) for p, n in zip(self._names, self._all_weights[place], strict=True)},
                    [None] * count if states is None else [state[place] for state in states],
                    lengths=lengths,
                    reverse=direction == 1,
                    backend=self.backend,
                )
                outputs.append(output)
                finals.append(final)
            x = torch.cat(outputs, dim=-1) if self.bidirectional else outputs[0]
            if self.dropout > 0.0 and self.training and layer + 1 < self.num_layers:
                x = F.dropout(x, self.dropout)
        return x, [torch.stack(parts) for parts in zip(*finals, strict=True)]

    def extra_repr(self) -> str:
        return ", ".join([repr(self.cell), *self._shown()])

    def _shown(self) -> list[str]:
        """The options that `repr` shows: the sizes, and what is not at its default, as torch does."""
        options = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
            "backend": "auto",
        }
        given = [f"{k}={getattr(self, k)}" for k, usual in options.items() if getattr(self, k) != usual]
        return [str(self.input_size), str(self.hidden_size), *given]

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles hold the cell; its Program is traced again."""
        return {k: v for k, v in self.__dict__.items() if k != "program"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.program = self.cell.program(bias=self.bias)
        prepare(self.program)


def _autocast(weight: Tensor) -> bool:
    """Whether torch.autocast is on for the weights' device."""
    return torch.is_autocast_enabled(weight.device.type)
