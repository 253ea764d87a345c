"""The cells, one file each, and what another needs: `Cell`, `State`, the functions of a step."""

from elman.cells.cell import Cell
from elman.cells.feedback import OutputFeedback
from elman.cells.gru import GRU
from elman.cells.indrnn import IndRNN
from elman.cells.jordan import Jordan
from elman.cells.ligru import LiGRU
from elman.cells.lru import LRU
from elman.cells.lstm import LSTM
from elman.cells.mgu import MGU
from elman.cells.mingru import MinGRU
from elman.cells.minlstm import MinLSTM
from elman.cells.narx import NARX
from elman.cells.qrnn import QRNN
from elman.cells.registry import create, names, options, register, unregister, variants
from elman.cells.rglru import RGLRU
from elman.cells.rnn import RNN
from elman.cells.slstm import SLSTM
from elman.cells.sru import SRU
from elman.program.functions import (
    ACTIVATIONS,
    absolute,
    cos,
    elu,
    exp,
    gelu,
    hard_sigmoid,
    hard_tanh,
    identity,
    layer_norm,
    leaky_relu,
    log,
    log1p,
    maximum,
    mean,
    minimum,
    relu,
    rsqrt,
    select,
    sigmoid,
    sign,
    silu,
    sin,
    softplus,
    softsign,
    sqrt,
    tanh,
)
from elman.program.program import State

__all__ = [
    "ACTIVATIONS",
    "GRU",
    "LRU",
    "LSTM",
    "MGU",
    "NARX",
    "QRNN",
    "RGLRU",
    "RNN",
    "SLSTM",
    "SRU",
    "Cell",
    "IndRNN",
    "Jordan",
    "LiGRU",
    "MinGRU",
    "MinLSTM",
    "OutputFeedback",
    "State",
    "absolute",
    "cos",
    "create",
    "elu",
    "exp",
    "gelu",
    "hard_sigmoid",
    "hard_tanh",
    "identity",
    "layer_norm",
    "leaky_relu",
    "log",
    "log1p",
    "maximum",
    "mean",
    "minimum",
    "names",
    "options",
    "register",
    "relu",
    "rsqrt",
    "select",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "softplus",
    "softsign",
    "sqrt",
    "tanh",
    "unregister",
    "variants",
]
