"""A layer class for each cell that torch lacks: documented by the cell, whose options are its keywords."""

from __future__ import annotations

from elman import cells
from elman.nn.layers import CellLayer


class Jordan(CellLayer, cell=cells.Jordan): ...


class OutputFeedback(CellLayer, cell=cells.OutputFeedback): ...


class NARX(CellLayer, cell=cells.NARX): ...


class MGU(CellLayer, cell=cells.MGU): ...


class LiGRU(CellLayer, cell=cells.LiGRU): ...


class IndRNN(CellLayer, cell=cells.IndRNN): ...


class SRU(CellLayer, cell=cells.SRU): ...


class QRNN(CellLayer, cell=cells.QRNN): ...


class MinGRU(CellLayer, cell=cells.MinGRU): ...


class MinLSTM(CellLayer, cell=cells.MinLSTM): ...


class LRU(CellLayer, cell=cells.LRU): ...


class RGLRU(CellLayer, cell=cells.RGLRU): ...


class SLSTM(CellLayer, cell=cells.SLSTM): ...
