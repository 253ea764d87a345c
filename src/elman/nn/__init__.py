"""Recurrent layers: replacements of torch.nn's, and `Recurrent` for any other cell."""

from elman.nn.cells import GRUCell, LSTMCell, RNNCell
from elman.nn.layers import GRU, LSTM, RNN
from elman.nn.recurrent import Recurrent

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell", "Recurrent"]
