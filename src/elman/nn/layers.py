"""A class for each cell: RNN, GRU and LSTM with the constructors of `torch.nn`, and layers of other cells.

Call, outputs, errors' occasions, `state_dict` and initial weights (at the same seed) of the three are those
of `torch.nn`, so replacing the import is enough. `Recurrent.forward` documents the call of all. A class takes
the options of its cell, and those of `Recurrent`, as keywords.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from elman import cells
from elman.cells.checks import check_names
from elman.errors import unknown
from elman.nn.arguments import check_flag
from elman.nn.recurrent import Recurrent


class CellLayer(Recurrent):
    """A layer of one cell: the base of the classes below, and of one for a cell of your own:

        class MinimalGated(CellLayer, cell=MyCell): ...

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype: as in
            `Recurrent`, in the order of `torch.nn`.
        options: the cell's own (`help` of the class lists them) and the further keywords of `Recurrent`.

    Raises:
        ArgumentError: as `Recurrent`, or an option that the cell does not have (those it has are listed).
    """

    _cell: ClassVar[type[cells.Cell]]
    #: options of the cell that another argument of the layer decides
    _decided: ClassVar[tuple[str, ...]] = ("projection",)

    def __init_subclass__(cls, cell: type[cells.Cell] | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if cell is not None:
            cls._cell = cell
            cls.__signature__ = _signature(cls)  # type: ignore[attr-defined]
            text = inspect.cleandoc(cls.__doc__ or cell.__doc__ or "")
            options = f"The cell's options are those of `elman.cells.{cell.__name__}`"
            cls.__doc__ = f"{text}\n\n{options}; the other arguments are `elman.nn.Recurrent`'s."

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
        **options: Any,
    ) -> None:
        own, further = _sorted_options(type(self), options)
        super().__init__(
            self._build_cell(own, further),
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
            **further,
        )
        self._own = own

    def _build_cell(self, own: Mapping[str, Any], further: Mapping[str, Any]) -> cells.Cell:
        projection = {"projection": True} if further.get("proj_size") else {}
        return build_cell(self._cell, {**own, **projection})

    def extra_repr(self) -> str:
        usual = inspect.signature(self._cell).parameters
        shown = [f"{k}={v}" for k, v in self._own.items() if v != usual[k].default]
        return ", ".join(self._shown() + shown)


def _options(layer: type[CellLayer]) -> tuple[dict[str, inspect.Parameter], dict[str, inspect.Parameter]]:
    """The keywords that a layer takes beside those it names itself: the cell's own, and `Recurrent`'s."""
    of_cell = inspect.signature(layer._cell).parameters
    own = {name: p for name, p in of_cell.items() if name not in layer._decided}
    known = {"self", "cell", *inspect.signature(CellLayer.__init__).parameters}
    if "projection" not in of_cell:
        known.add("proj_size")
    of_layer = inspect.signature(Recurrent).parameters
    return own, {name: p for name, p in of_layer.items() if name not in known}


def _sorted_options(layer: type[CellLayer], given: Mapping[str, Any]) -> tuple[dict, dict]:
    """The cell's options and `Recurrent`'s; raises `ArgumentError` for one that neither has."""
    check_names(layer.__name__, given, inspect.signature(layer).parameters)
    own, further = _options(layer)
    return {k: v for k, v in given.items() if k in own}, {k: v for k, v in given.items() if k in further}


def build_cell(cell: type[cells.Cell], options: Mapping[str, Any]) -> cells.Cell:
    """The cell with its options; raises `ArgumentError` where one that is on or off is given no bool."""
    parameters = inspect.signature(cell).parameters
    for name, value in options.items():
        if isinstance(parameters[name].default, bool):
            check_flag(name, value)
    return cell(**options)


def _signature(layer: type[CellLayer]) -> inspect.Signature:
    """The constructor's, with the keywords it takes in place of `**options`."""
    constructor = list(inspect.signature(layer.__init__).parameters.values())[1:]
    named = [p for p in constructor if p.kind is not p.VAR_KEYWORD]
    own, further = _options(layer)
    names = {p.name for p in named}
    keywords = [p for p in (*own.values(), *further.values()) if p.name not in names]
    return inspect.Signature([*named, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in keywords)])


class RNN(CellLayer, cell=cells.RNN):
    """Elman's recurrent network, h' = f(W_ih x + b_ih + W_hh h + b_hh), as `torch.nn.RNN`.

    Args:
        nonlinearity: the name of f: "tanh", "relu", or any other of `elman.cells.ACTIVATIONS`.
    """

    _decided = ("activation",)

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
        **options: Any,
    ) -> None:
        self.nonlinearity = check_nonlinearity(nonlinearity)
        self.mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device,
            dtype,
            **options,
        )

    def _build_cell(self, own: Mapping[str, Any], further: Mapping[str, Any]) -> cells.Cell:
        return build_cell(cells.RNN, {"activation": self.nonlinearity, **own})

    def extra_repr(self) -> str:
        torch_shows_none = self.nonlinearity in ("tanh", "relu")
        return super().extra_repr() + ("" if torch_shows_none else f", nonlinearity={self.nonlinearity}")


class GRU(CellLayer, cell=cells.GRU):
    """Gated recurrent unit, as `torch.nn.GRU`; gate order r, z, n.

    Args:
        reset_after: whether the reset gate acts after the recurrent product, as in torch and cuDNN (True), or
            on the state before it, as in Cho et al. 2014 (False). Parameters are the same in both forms.
    """

    mode = "GRU"


class LSTM(CellLayer, cell=cells.LSTM):
    """Long short-term memory, as `torch.nn.LSTM`; gate order i, f, g, o; its states are (h, c).

    Args:
        proj_size: P, features of the output where it is a projection of the hidden state; 0 for none.
        peepholes: whether the gates see the cell state through per-feature weights (Gers et al. 2002): the
            parameter `peephole_l{layer}`, of shape (3H,), in the order i, f, o.
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
        **options: Any,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device,
            dtype,
            proj_size=proj_size,
            **options,
        )


def check_nonlinearity(name: Any) -> str:
    """The name; raises `ArgumentError` for one that is not among `elman.cells.ACTIVATIONS`."""
    if not isinstance(name, str) or name not in cells.ACTIVATIONS:
        raise unknown("nonlinearity", name, cells.ACTIVATIONS)
    return name
