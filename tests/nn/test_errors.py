"""Every mistake in building or calling a layer gets a message with its argument and remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import elman.nn
from elman.cells import LSTM, Cell, names, options
from elman.errors import ArgumentError

X = torch.randn(4, 2, 3)
SIZE = "hidden_size: expected an integer >= 1, got {}. It is the number of features of the hidden state."
DROPOUT = (
    "dropout: expected a number in [0, 1], got {}. "
    "It is the probability that an element of a layer's output is zeroed in training."
)
ACTIVATIONS = (
    "Valid: cos, elu, gelu, hard_sigmoid, hard_tanh, identity, leaky_relu, relu, sigmoid, silu, sin, "
    "softplus, softsign, tanh."
)
FLAG = "{0}: expected True or False, got {1}. Pass it by keyword: {0}=True."


class Own(Cell):
    def step(self, x: Any, h: Any) -> Any:
        return self.project(x, "x") + self.project(h, "h")


def lstm(**options: Any) -> elman.nn.LSTM:
    return elman.nn.LSTM(3, 5, **options)


BUILDING: list[tuple[Callable[[], Any], str]] = [
    (lambda: elman.nn.GRU(3, 0), SIZE.format(0)),
    (lambda: elman.nn.GRU(3, -5), SIZE.format(-5)),
    (lambda: elman.nn.GRU(3, True), SIZE.format(True)),
    (lambda: elman.nn.GRU(3, 5.0), SIZE.format(5.0)),  # type: ignore[arg-type]
    (lambda: elman.nn.GRUCell(3, 0), SIZE.format(0)),
    (
        lambda: elman.nn.RNN("3", 5),  # type: ignore[arg-type]
        "input_size: expected an integer >= 1, got '3'. "
        "It is the number of features of one step of the input.",
    ),
    (
        lambda: elman.nn.RNN(3, 5, 0),
        "num_layers: expected an integer >= 1, got 0. One layer is num_layers=1.",
    ),
    (lambda: lstm(dropout=1.5, num_layers=2), DROPOUT.format(1.5)),
    (lambda: lstm(dropout=-0.1), DROPOUT.format(-0.1)),
    (lambda: lstm(dropout=True), DROPOUT.format(True)),
    (lambda: lstm(dropout=float("nan")), DROPOUT.format("nan")),
    (lambda: lstm(bias=2), FLAG.format("bias", 2)),
    (lambda: lstm(batch_first="yes"), FLAG.format("batch_first", "'yes'")),
    (lambda: lstm(bidirectional=None), FLAG.format("bidirectional", None)),
    (lambda: lstm(peepholes=1), FLAG.format("peepholes", 1)),
    (lambda: elman.nn.GRU(3, 5, reset_after="no"), FLAG.format("reset_after", "'no'")),  # type: ignore[arg-type]
    (
        lambda: lstm(proj_size=-1),
        "proj_size: expected an integer >= 0, got -1. 0 leaves the output at hidden_size features.",
    ),
    (
        lambda: lstm(proj_size=5),
        "proj_size: expected an integer in 1 .. 4, less than hidden_size, got 5. "
        "A projection makes the output narrower than the hidden state.",
    ),
    (
        lambda: elman.nn.Recurrent(LSTM(projection=True), 3, 5),
        "proj_size: expected an integer in 1 .. 4, less than hidden_size, got 0. "
        "A projection makes the output narrower than the hidden state.",
    ),
    (
        lambda: elman.nn.Recurrent("gru", 3, 5, proj_size=2),
        "proj_size: expected 0 for GRU(reset_after=True, layer_norm=False), which has no projection, got 2. "
        "LSTM has one; a cell of your own has one when it projects to width 'P'.",
    ),
    (
        lambda: elman.nn.RNN(3, 5, nonlinearity="tahn"),
        f"nonlinearity: unknown name 'tahn'. Did you mean 'tanh'? {ACTIVATIONS}",
    ),
    (
        lambda: elman.nn.RNN(3, 5, 1, False),  # type: ignore[arg-type]
        f"nonlinearity: unknown name False. {ACTIVATIONS}",
    ),
    (
        lambda: elman.nn.Recurrent("gruu", 3, 5),
        f"cell: unknown name 'gruu'. Did you mean 'gru'? Valid: {', '.join(sorted(names()))}.",
    ),
    (
        lambda: elman.nn.Recurrent(Own, 3, 5),  # type: ignore[arg-type]
        f"cell: expected the name of a cell, or a Cell, got {Own!r}. "
        "elman.cells.names() lists the names; a class of your own is called: MyCell().",
    ),
    (
        lambda: lstm(backend="cuda"),
        "backend: unknown name 'cuda'. Did you mean 'scan'? Valid: auto, engine, reference, scan, torch.",
    ),
]

KEYWORDS = (
    *("backend", "memory", "learn_initial_state", "input_dropout", "weight_drop", "zoneout"),
    *("recurrent_dropout", "recurrent_dropout_mode", "input_size", "hidden_size", "num_layers", "bias"),
    *("batch_first", "dropout", "bidirectional", "device", "dtype"),
)
RECURRENT = ", ".join(sorted([*KEYWORDS, "cell", "proj_size"]))
RATE = "{0}: expected a probability in [0, 1), got {1}. 0 turns it off; at 1 nothing would be left."
OPTIONS: list[tuple[Callable[[], Any], str]] = [
    (lambda: lstm(input_dropout=1.0), RATE.format("input_dropout", 1.0)),
    (lambda: lstm(recurrent_dropout=-0.1), RATE.format("recurrent_dropout", -0.1)),
    (lambda: lstm(weight_drop=True), RATE.format("weight_drop", True)),
    (lambda: lstm(zoneout="0.1"), RATE.format("zoneout", "'0.1'")),
    (lambda: lstm(zoneout=(0.1, 1)), RATE.format("zoneout[1]", 1)),
    (
        lambda: lstm(zoneout=[0.1]),
        "zoneout: expected a probability, or one for each of 2 states (h, c), got [0.1]. "
        "A single number serves them all.",
    ),
    (
        lambda: lstm(recurrent_dropout_mode="steps"),
        "recurrent_dropout_mode: unknown name 'steps'. Did you mean 'step'? Valid: sequence, step.",
    ),
    (lambda: lstm(memory="lo"), "memory: unknown name 'lo'. Did you mean 'low'? Valid: fast, low."),
    (lambda: lstm(learn_initial_state=1), FLAG.format("learn_initial_state", 1)),
    (
        lambda: elman.nn.GRU(3, 5, peephole=True),
        f"GRU option: unknown name 'peephole'. Valid: {', '.join(sorted([*options('gru'), *KEYWORDS]))}.",
    ),
    (
        lambda: elman.nn.Recurrent("lstm", 3, 4, bogus=True),  # type: ignore[call-arg]
        f"Recurrent option: unknown name 'bogus'. Valid: {RECURRENT}. Options of the cell go to it, "
        f"elman.cells.create('lstm', …): {', '.join(options('lstm'))}.",
    ),
    (
        lambda: elman.nn.Recurrent(hidden_size=4, input_size=3, cell=LSTM(), zonout=0.1),  # type: ignore[call-arg]
        f"Recurrent option: unknown name 'zonout'. Did you mean 'zoneout'? Valid: {RECURRENT}. "
        f"Options of the cell go to it, LSTM(…): {', '.join(options('lstm'))}.",
    ),
    (
        lambda: elman.nn.Recurrent(Own(), 3, 4, num_layer=2),  # type: ignore[call-arg]
        f"Recurrent option: unknown name 'num_layer'. Did you mean 'num_layers'? Valid: {RECURRENT}.",
    ),
    (
        lambda: elman.nn.Recurrent("gruu", 3, 4, layer_norm=True),  # type: ignore[call-arg]
        f"Recurrent option: unknown name 'layer_norm'. Did you mean 'num_layers'? Valid: {RECURRENT}.",
    ),
    (
        lambda: elman.nn.GRUCell(3, 4, layer_norm_typo=True),  # type: ignore[call-arg]
        "GRUCell option: unknown name 'layer_norm_typo'. "
        "Valid: bias, device, dtype, hidden_size, input_size, reset_after.",
    ),
    (
        lambda: elman.nn.RNNCell(3, 4, nonlinarity="relu"),  # type: ignore[call-arg]
        "RNNCell option: unknown name 'nonlinarity'. Did you mean 'nonlinearity'? "
        "Valid: bias, device, dtype, hidden_size, input_size, nonlinearity.",
    ),
    (
        lambda: elman.nn.LSTMCell(3, 4, peephole=True),  # type: ignore[call-arg]
        "LSTMCell option: unknown name 'peephole'. Did you mean 'peepholes'? "
        "Valid: bias, device, dtype, hidden_size, input_size, peepholes.",
    ),
]
RESETS = "resets: expected a bool tensor of shape (4, 2) = (steps, batch), got a {}. "
RESETTING: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: lstm()(X, resets=torch.zeros(4, 2)),
        RESETS.format("tensor of torch.float32")
        + "It is True at the steps before which the state starts anew: resets.bool().",
    ),
    (
        lambda: lstm()(X, resets=[[True]]),
        RESETS.format("list") + "It is True at the steps before which the state starts anew: resets.bool().",
    ),
    (
        lambda: lstm(batch_first=True)(X, resets=torch.zeros(2, 4).bool()),
        "resets: expected shape (4, 2) = (batch, steps), got (2, 4). "
        "It says for each step of each sequence whether the state starts anew before it.",
    ),
    (
        lambda: lstm()(X[:, 0], resets=torch.zeros(4, 1).bool()),
        "resets: expected shape (4,) = (steps), got (4, 1). "
        "It says for each step of each sequence whether the state starts anew before it.",
    ),
]

RANGE = "Pad the input to the longest sequence, or cut the length."
ONE_STATE = "hx: expected shape {} = (num_layers * directions, batch, features), got {}. {}"
CALLING: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: lstm()(torch.randn(4, 2, 4)),
        "input: expected 3 features in the last dimension, got 4. "
        "Pass input of shape (..., 3), or build the layer with input_size=4.",
    ),
    (
        lambda: lstm()(torch.randn(3)),
        "input: expected 2 dimensions (steps, features) or 3 with a batch, got (3,). "
        "Add a missing dimension with input.unsqueeze(), merge surplus ones with input.flatten().",
    ),
    (lambda: lstm()([1.0]), "input: expected a tensor or a PackedSequence, got a list."),
    (
        lambda: lstm()(X.double()),
        "input: expected the weights' dtype torch.float32, got torch.float64. "
        "Convert it: input.to(torch.float32), or the layer: layer.to(torch.float64).",
    ),
    (
        lambda: lstm(backend="reference")(X.to("meta")),
        "input: expected a tensor on the weights' device cpu, got meta. "
        "It has no values that could be moved: make one there, with device='cpu'.",
    ),
    (
        lambda: elman.nn.GRU(3, 5)(pack_padded_sequence(torch.randn(4, 2, 3, 3), torch.tensor([4, 2]))),
        "input: expected a PackedSequence of (steps, features) sequences, whose data has 2 dimensions, "
        "got (6, 3, 3). Flatten the features of each sequence before packing.",
    ),
    (
        lambda: elman.nn.GRU(3, 5, 2)(X, torch.zeros(1, 2, 5)),
        ONE_STATE.format("(2, 2, 5)", "(1, 2, 5)", "Leave hx out to start from zeros."),
    ),
    (
        lambda: elman.nn.GRU(3, 5)(torch.randn(4, 3, 3), torch.zeros(3, 1, 5)),
        ONE_STATE.format(
            "(1, 3, 5)", "(3, 1, 5)", "A state is never batch first: transpose its first two dimensions."
        ),
    ),
    (
        lambda: elman.nn.GRU(3, 5)(X, torch.zeros(2, 5)),
        ONE_STATE.format("(1, 2, 5)", "(2, 5)", "A state has as many dimensions as the input, here 3."),
    ),
    (
        lambda: elman.nn.GRU(3, 5, bidirectional=True)(X[:, 0], torch.zeros(2, 1, 5)),
        "hx: expected shape (2, 5) = (num_layers * directions, features), got (2, 1, 5). "
        "A state has as many dimensions as the input, here 2.",
    ),
    (
        lambda: elman.nn.GRU(3, 5)(X, (torch.zeros(1, 2, 5),)),
        "hx: expected a tensor of shape (1, 2, 5) = (num_layers * directions, batch, features), got a tuple. "
        "Leave hx out to start from zeros.",
    ),
    (
        lambda: lstm()(X, torch.zeros(1, 2, 5)),
        "hx: expected a tuple of 2 tensors (h, c), got a Tensor. The cell carries 2 states: pass hx=(h, c).",
    ),
    (
        lambda: lstm()(X, (torch.zeros(1, 2, 5),)),
        "hx: expected a tuple of 2 tensors (h, c), got 1 of them. The cell carries 2 states: pass hx=(h, c).",
    ),
    (
        lambda: lstm(proj_size=2)(X, (torch.zeros(1, 2, 2), torch.zeros(1, 2, 2))),
        "hx[1]: expected shape (1, 2, 5) = (num_layers * directions, batch, features), got (1, 2, 2). "
        "Leave hx out to start from zeros.",
    ),
    (
        lambda: lstm()(X, (torch.zeros(1, 2, 5), torch.zeros(1, 2, 5).double())),
        "hx[1]: expected the weights' dtype torch.float32, got torch.float64. "
        "Convert it: hx[1].to(torch.float32), or the layer: layer.to(torch.float64).",
    ),
    (
        lambda: lstm()(X, lengths=[4, 5]),
        f"lengths[1]: expected a length in 0 .. 4, the steps of the input, got 5. {RANGE}",
    ),
    (
        lambda: lstm()(X, lengths=torch.tensor([-1, 4])),
        f"lengths[0]: expected a length in 0 .. 4, the steps of the input, got -1. {RANGE}",
    ),
    (
        lambda: lstm()(X, lengths=[4, 2, 1, 1]),
        "lengths: expected shape (2,), one length for each sequence of the batch, got (4,). "
        "If batch and time are swapped, look at the layer's batch_first.",
    ),
    (
        lambda: lstm()(X, lengths=[4.0, 2.0]),
        "lengths: expected integers, got torch.float32. "
        "Give the number of steps of each sequence: lengths.to(torch.int64).",
    ),
    (
        lambda: lstm()(X, lengths=torch.tensor([True, False])),
        "lengths: expected integers, got torch.bool. "
        "Give the number of steps of each sequence: lengths.to(torch.int64).",
    ),
    (
        lambda: lstm()(X, lengths="42"),
        "lengths: expected a list or tensor of integers, got '42'.",
    ),
    (
        lambda: lstm()(pack_padded_sequence(X, torch.tensor([4, 2])), lengths=[4, 2]),
        "lengths: expected None beside a PackedSequence, which has its own lengths, got a list. "
        "Leave lengths out, or pass the padded tensor instead of the PackedSequence.",
    ),
    (
        lambda: elman.nn.LSTMCell(3, 5)(X),
        "input: expected 1 dimension (features) or 2 with a batch, got (4, 2, 3). "
        "Add a missing dimension with input.unsqueeze(), merge surplus ones with input.flatten().",
    ),
    (lambda: elman.nn.RNNCell(3, 5)([1.0]), "input: expected a tensor, got a list."),
    (
        lambda: elman.nn.GRUCell(3, 5)(X[0], torch.zeros(3, 5)),
        "hx: expected shape (2, 5) = (batch, hidden_size), got (3, 5). "
        "The state is of a batch of 3 sequences, the input of 2: leave hx out to start from zeros, or carry "
        "the states of the same sequences.",
    ),
    (
        lambda: elman.nn.GRUCell(3, 5)(X[0], torch.zeros(3, 4)),
        "hx: expected shape (2, 5) = (batch, hidden_size), got (3, 4). Leave hx out to start from zeros.",
    ),
    (
        lambda: elman.nn.RNNCell(3, 5)(X[0], torch.zeros(5)),
        "hx: expected shape (2, 5) = (batch, hidden_size), got (5,). "
        "A state has as many dimensions as the input, here 2.",
    ),
    (
        lambda: elman.nn.GRU(3, 5, 2)(X[:, 0], torch.zeros(1, 5)),
        "hx: expected shape (2, 5) = (num_layers * directions, features), got (1, 5). "
        "Leave hx out to start from zeros.",
    ),
    (
        lambda: elman.nn.LSTMCell(3, 5)(X[0, 0], (torch.zeros(5), torch.zeros(4))),
        "hx[1]: expected shape (5,) = (hidden_size,), got (4,). Leave hx out to start from zeros.",
    ),
]


@pytest.mark.parametrize(("mistake", "message"), BUILDING + OPTIONS + CALLING + RESETTING)
def test_message(mistake: Callable[[], Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        mistake()
    assert str(caught.value) == message


def test_an_empty_packed_sequence_is_an_error_of_its_own() -> None:
    with pytest.raises(RuntimeError):  # torch makes none
        elman.nn.GRU(3, 5)(PackedSequence(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)))


@pytest.mark.parametrize("name", ["RNN", "GRU"])
def test_only_lstm_takes_a_projection(name: str) -> None:
    with pytest.raises(ArgumentError, match="option: unknown name 'proj_size'"):
        getattr(elman.nn, name)(3, 5, proj_size=2)
