"""Recurrent: stacking, directions, lengths, regularisers and the caller's layouts, once for all cells.

Dimensions: T steps, B sequences, I input features, H hidden features, P projected features, W features of one
state (H or P), L layers, D directions (1 or 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from elman.backends import autocast, check_device, prepare, recurrence
from elman.cells import Cell
from elman.cells.checks import named_options
from elman.nn import regularisers, weights
from elman.nn.arguments import (
    check_backend,
    check_dropout,
    check_flag,
    check_input,
    check_memory,
    check_size,
    choose_cell,
    own_options,
)
from elman.nn.sequences import Sequences, arrange
from elman.nn.states import Stack
from elman.program import Program


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
        input_dropout: probability in [0, 1) that a feature of a layer's input, each layer's of the stack, is
            zeroed in training, for a whole sequence (Gal & Ghahramani 2016, arXiv:1512.05287).
        recurrent_dropout: probability in [0, 1) that a feature of a state is zeroed in training where it
            enters a product of the step; where no state does, as in elementwise recurrences, where it enters
            the step. There, what is kept grows by 1 / (1 - p) at every step: prefer zoneout.
        recurrent_dropout_mode: "sequence", one mask for all steps of a sequence (Gal & Ghahramani 2016), or
            "step", a new one at each.
        zoneout: probability in [0, 1) that a feature of a state keeps its value at a step in training; in
            evaluation the expectation (Krueger et al. 2016, arXiv:1606.01305). A number for all states, delay
            lines excepted, or one for each; states that only mean something together want the latter.
        weight_drop: probability in [0, 1) that an element of a weight of the products inside the loop is
            zeroed in training, for a whole call (Merity et al. 2017, arXiv:1708.02182).
        learn_initial_state: whether the states that a call starts from without `hx` are learned, from zeros
            on: parameters `initial_{state}_l{layer}`, (W,), the same for all sequences.
        memory: "fast", or "low" to keep only some steps for the backward pass and run the others again.
        backend: "auto", or the reader to use, one of `elman.backends.CHOICES`. A named one never falls back.
        device, dtype: of the parameters, as for any module.

    All dropout is inverted: what is kept is scaled by 1 / (1 - p), and evaluation changes nothing. The random
    numbers are torch's, so `torch.manual_seed` fixes them.

    Parameters are named `{name}_l{layer}`, with `_reverse` behind it for the second direction;
    `elman.nn.weights` documents names, shapes and the order of the gates.

    Raises:
        ArgumentError: an argument outside its range, or an unknown cell; the message names the remedy.
    """

    #: what walks each layer in each direction in place of `recurrence`: `elman.nn.recording` sets it
    walker: Callable[..., tuple[Sequence[Tensor], Sequence[Tensor]]] | None = None

    @named_options(own_options)
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
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        recurrent_dropout_mode: str = "sequence",
        zoneout: float | Sequence[float] = 0.0,
        weight_drop: float = 0.0,
        learn_initial_state: bool = False,
        memory: str = "fast",
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
        check_flag("learn_initial_state", learn_initial_state)
        check_dropout(dropout, num_layers)
        regularisers.check_mode(recurrent_dropout_mode)
        check_memory(memory)
        check_backend(backend)
        self.cell = choose_cell(cell, hidden_size, proj_size)
        self.program = self.cell.program(bias=bias)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self.input_dropout = regularisers.check_rate("input_dropout", input_dropout)
        self.recurrent_dropout = regularisers.check_rate("recurrent_dropout", recurrent_dropout)
        self.recurrent_dropout_mode = recurrent_dropout_mode
        self.zoneout = regularisers.zoneout_rates(self.program, zoneout)
        self.weight_drop = regularisers.check_rate("weight_drop", weight_drop)
        self.learn_initial_state = learn_initial_state
        self.memory = memory
        self.backend = backend
        self._derive()
        self._names = [parameter.name for parameter in self.program.parameters]
        self._all_weights: list[list[str]] = []
        self._learned: list[list[str]] = []
        for layer in range(num_layers):
            for direction in range(1 + bidirectional):
                self._add_parameters(layer, weights.suffix(layer, direction), device=device, dtype=dtype)
        self.reset_parameters()

    def _derive(self) -> None:
        """What follows from the options and is neither copied nor pickled."""
        self._masked: dict[tuple, Program] = {}
        for dropped in (False, self.recurrent_dropout > 0.0):
            self._program(dropped)
        self._droppable = regularisers.recurrent_weights(self.program)
        widths = [self._sizes(layer) for layer in range(self.num_layers)]
        self._stack = Stack(
            tuple(state.name for state in self.program.states),
            tuple(tuple(sizes[state.width] for sizes in widths) for state in self.program.states),
            1 + self.bidirectional,
        )

    def _program(self, dropped: bool) -> Program:
        """The Program that reads the masks for zoneout and, where `dropped`, for recurrent dropout."""
        key = (dropped, *self.zoneout)
        if key not in self._masked:
            self._masked[key] = regularisers.masked_program(self.program, dropped, self.zoneout)
            prepare(self._masked[key])
        return self._masked[key]

    @property
    def running_program(self) -> Program:
        """The Program that runs now: the cell's, with masks where the layer's regularisers need them."""
        return self._program(self.training and self.recurrent_dropout > 0.0)

    def _add_parameters(self, layer: int, ending: str, **place: Any) -> None:
        sizes = self._sizes(layer)
        self._all_weights.append(
            weights.add_parameters(self, self.program.parameters, sizes, ending, **place)
        )
        initial = weights.initial_states(self.program.states) if self.learn_initial_state else ()
        self._learned.append(weights.add_parameters(self, initial, sizes, ending, **place))

    def _sizes(self, layer: int) -> dict[str, int]:
        """The numbers behind the widths I, H and P in that layer."""
        sizes = {"I": self.input_size, "H": self.hidden_size, "P": self.proj_size}
        if layer > 0:
            sizes["I"] = sizes[self.program.states[0].width] * (1 + self.bidirectional)
        return sizes

    def reset_parameters(self) -> None:
        """Draw every parameter anew, as its cell declares; by default uniform within ±1/√H, as torch does."""
        initial = weights.initial_states(self.program.states)
        for names in self._all_weights:
            for name, parameter in zip(names, self.program.parameters, strict=True):
                weights.initialise(self, name, parameter, self.hidden_size)
        for names in self._learned:
            for name, parameter in zip(names, initial if names else (), strict=True):
                weights.initialise(self, name, parameter, self.hidden_size)

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The cell's parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Nothing to do: kept so that code written for torch.nn runs unchanged."""

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Any = None,
        lengths: Any = None,
        resets: Tensor | None = None,
        all_states: bool = False,
    ) -> tuple[Any, Any]:
        """Walk the sequences.

        Args:
            input: (T, B, I), (B, T, I) with batch_first, (T, I) for one sequence, or a PackedSequence.
            hx: initial state (L * D, B, W), or (L * D, W) beside one sequence; for a cell with several states
                a tuple of them in the cell's order, such as (h, c). None: the learned ones, or zeros.
            lengths: (B,) integers in 0 .. T, in any order, as a list or tensor. None: all have T steps.
            resets: bool, (T, B), (B, T) with batch_first, (T,) for one sequence. At a True the state before
                that step is the initial one again, in every layer and for either direction at the end where
                it enters the segment, and no gradient passes.
            all_states: whether the states of all steps are returned, rather than the first one's alone.

        Returns:
            The last layer's outputs in the input's layout, with D * W features, zero past a length (with
            `all_states` a tuple of them, one for each state of the cell); and the final state, shaped as
            `hx`, of each sequence at its own end (for length 0 its initial state), by layer, and in each
            layer forward before backward.

        Under torch.autocast("cpu", torch.bfloat16) a layer of float32 weights takes matrix products of
        bfloat16, added in float32, and returns the output in bfloat16, as torch.nn.LSTM does, and the final
        state, which is carried on, in float32. Any other autocast leaves all in the weights' dtype.

        Raises:
            ArgumentError: shapes, dtypes, devices, lengths or resets that do not fit.
            BackendError: the backend that the layer names cannot serve these tensors, or they are on meta.
        """
        weight = self._parameter(self._all_weights[0][0])
        check_device(self.program, weight.device, self.backend)
        sequences = arrange(input, lengths, resets, self.batch_first)
        if not torch.is_autocast_enabled(weight.device.type):
            return self._run(sequences, hx, weight, all_states)
        narrow = autocast.asked(weight)
        products = autocast.products(self.program, weight, self.backend)
        with torch.autocast(weight.device.type, enabled=False):  # states are of the weights' dtype
            sequences.data = sequences.data.to(weight.dtype)
            outputs, state = self._run(sequences, autocast.cast(hx, weight), weight, all_states, products)
            return (autocast.cast(outputs, torch.bfloat16) if narrow else outputs), state

    def _run(
        self,
        sequences: Sequences,
        hx: Any,
        weight: Tensor,
        all_states: bool,
        products: torch.dtype | None = None,
    ) -> tuple[Any, Any]:
        check_input(sequences.data, weight, self.input_size)
        given = None if hx is None else self._stack.split(hx, sequences, weight)
        x, finals = sequences.data, []
        outputs: list[Tensor] = []
        for layer in range(self.num_layers):
            last = layer + 1 == self.num_layers
            if self.input_dropout > 0.0 and self.training:
                x = regularisers.drop_inputs(x, self.input_dropout)
            walks = []
            for direction in range(1 + self.bidirectional):
                initial = self._initial(layer, direction, x) if given is None else given[len(finals)]
                walked, final = self._walk(
                    sequences, x, layer, direction, initial, all_states and last, products
                )
                walks.append(walked)
                finals.append(final)
            outputs = walks[0]
            if self.bidirectional:
                outputs = [torch.cat(sides, dim=-1) for sides in zip(*walks, strict=True)]
            x = outputs[0]
            if self.dropout > 0.0 and self.training and not last:
                x = F.dropout(x, self.dropout)
        shaped = [sequences.output(output) for output in outputs]
        return tuple(shaped) if all_states else shaped[0], self._stack.join(finals, sequences)

    def _parameter(self, name: str) -> Tensor:
        """The attribute of that name: mostly a parameter, which is quicker to find as one."""
        found = self._parameters.get(name)
        return getattr(self, name) if found is None else found

    def _initial(self, layer: int, direction: int, x: Tensor) -> list[Tensor] | list[None]:
        """Where a call without `hx` starts: (B, W) for each state, or None for zeros."""
        if not self.learn_initial_state:
            return [None] * len(self.program.states)
        names = self._learned[layer * (1 + self.bidirectional) + direction]
        return [getattr(self, name).expand(x.shape[1], -1) for name in names]

    def _walk(
        self,
        sequences: Sequences,
        x: Tensor,
        layer: int,
        direction: int,
        initial: Sequence[Tensor | None],
        all_states: bool,
        products: torch.dtype | None,
    ) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """One layer in one direction over x (T, B, I): what `recurrence` returns."""
        program = self.running_program
        masks = None
        if program.masks:
            masks = regularisers.draw_masks(
                program,
                (x.shape[0], x.shape[1]),
                self._sizes(layer),
                x,
                dropout=self.recurrent_dropout,
                mode=self.recurrent_dropout_mode,
                zoneout=self.zoneout,
                training=self.training,
            )
        names = self._all_weights[layer * (1 + self.bidirectional) + direction]
        parameters = {p: self._parameter(n) for p, n in zip(self._names, names, strict=True)}
        if self.weight_drop > 0.0 and self.training:
            parameters |= {n: regularisers.drop(parameters[n], self.weight_drop) for n in self._droppable}
        run = recurrence if self.walker is None else partial(self.walker, layer, direction)
        return run(
            program,
            x,
            parameters,
            initial,
            masks=masks,
            lengths=sequences.lengths,
            resets=sequences.resets,
            reverse=direction == 1,
            backend=self.backend,
            memory=self.memory,
            all_states=all_states,
            products=products,
        )

    def extra_repr(self) -> str:
        return ", ".join([repr(self.cell), *self._shown()])

    def _shown(self) -> list[str]:
        """The options that `repr` shows: the sizes, and what is not at its default, as torch does."""
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
            "input_dropout": 0.0,
            "recurrent_dropout": 0.0,
            "recurrent_dropout_mode": "sequence",
            "zoneout": (0.0,) * len(self.program.states),
            "weight_drop": 0.0,
            "learn_initial_state": False,
            "memory": "fast",
            "backend": "auto",
        }
        given = [f"{k}={getattr(self, k)}" for k, default in usual.items() if getattr(self, k) != default]
        return [str(self.input_size), str(self.hidden_size), *given]

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles hold the cell; its Program is traced again."""
        derived = ("program", "_masked", "_droppable", "_stack")
        return {k: v for k, v in self.__dict__.items() if k not in derived}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.program = self.cell.program(bias=self.bias)
        self._derive()
