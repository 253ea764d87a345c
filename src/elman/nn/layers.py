"""RNN, GRU and LSTM: `Recurrent` with the constructors of `torch.nn`, and a few keywords more.

Call, outputs, errors' occasions, `state_dict` and initial weights (at the same seed) are those of `torch.nn`,
so replacing the import is enough. `Recurrent.forward` documents the call, `lengths=` included.
"""

from __future__ import annotations

from typing import Any

import torch

from elman import cells
from elman.errors import unknown
from elman.nn.arguments import check_flag
from elman.nn.recurrent import Recurrent


class RNN(Recurrent):
    """Elman's recurrent network, h' = f(W_ih x + b_ih + W_hh h + b_hh), as `torch.nn.RNN`.

    Args:
        nonlinearity: the name of f: "tanh", "relu", or any other of `elman.cells.ACTIVATIONS`.
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype,
            backend: as in `Recurrent`.

    Raises:
        ArgumentError: as `Recurrent`, or an unknown nonlinearity (the valid ones are listed).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        backend: str = "auto",
    ) -> None:
        super().__init__(
            rnn_cell(nonlinearity),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            backend=backend,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity
        self.mode = f"RNN_{nonlinearity.upper()}"

    def extra_repr(self) -> str:
        torch_shows_none = self.nonlinearity in ("tanh", "relu")
        return ", ".join(self._shown() + ([] if torch_shows_none else [f"nonlinearity={self.nonlinearity}"]))


class GRU(Recurrent):
    """Gated recurrent unit, as `torch.nn.GRU`; gate order r, z, n.

    Args:
        reset_after: whether the reset gate acts after the recurrent product, as in torch and cuDNN (True), or
            on the state before it, as in Cho et al. 2014 (False). Parameters are the same in both forms.
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype,
            backend: as in `Recurrent`.

    Raises:
        ArgumentError: as `Recurrent`.
    """

    mode = "GRU"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        reset_after: bool = True,
        backend: str = "auto",
    ) -> None:
        check_flag("reset_after", reset_after)
        super().__init__(
            cells.GRU(reset_after=reset_after),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            backend=backend,
            device=device,
            dtype=dtype,
        )
        self.reset_after = reset_after

    def extra_repr(self) -> str:
        return ", ".join(self._shown() + ([] if self.reset_after else ["reset_after=False"]))


class LSTM(Recurrent):
    """Long short-term memory, as `torch.nn.LSTM`; gate order i, f, g, o; its states are (h, c).

    Args:
        peepholes: whether the gates see the cell state through per-feature weights (Gers et al. 2002): the
            parameter `peephole_l{layer}`, of shape (3H,), in the order i, f, o.
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype, backend: as in `Recurrent`.

    Raises:
        ArgumentError: as `Recurrent`.
    """

    mode = "LSTM"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        peepholes: bool = False,
        backend: str = "auto",
    ) -> None:
        check_flag("peepholes", peepholes)
        super().__init__(
            cells.LSTM(peepholes=peepholes, projection=proj_size != 0),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            backend=backend,
            device=device,
            dtype=dtype,
        )
        self.peepholes = peepholes

    def extra_repr(self) -> str:
        return ", ".join(self._shown() + (["peepholes=True"] if self.peepholes else []))


def rnn_cell(nonlinearity: str) -> cells.RNN:
    """The cell of `RNN` and `RNNCell`; raises `ArgumentError` for an unknown nonlinearity."""
    if not isinstance(nonlinearity, str) or nonlinearity not in cells.ACTIVATIONS:
        raise unknown("nonlinearity", nonlinearity, cells.ACTIVATIONS)
    return cells.RNN(activation=nonlinearity)
