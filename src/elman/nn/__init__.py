"""Recurrent layers: replacements of torch.nn's, a class for each further cell, `Recurrent` for any other."""

from elman.nn.cells import GRUCell, LSTMCell, RNNCell
from elman.nn.crf import CRF
from elman.nn.families import (
    LRU,
    MGU,
    NARX,
    QRNN,
    RGLRU,
    SLSTM,
    SRU,
    IndRNN,
    Jordan,
    LiGRU,
    MinGRU,
    MinLSTM,
    OutputFeedback,
)
from elman.nn.layers import GRU, LSTM, RNN, CellLayer
from elman.nn.recurrent import Recurrent

__all__ = [
    "CRF",
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
    "CellLayer",
    "GRUCell",
    "IndRNN",
    "Jordan",
    "LSTMCell",
    "LiGRU",
    "MinGRU",
    "MinLSTM",
    "OutputFeedback",
    "RNNCell",
    "Recurrent",
]
