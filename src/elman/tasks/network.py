"""What the networks of all tasks begin with: an input layer and recurrent layers.

Dimensions: T steps, B sequences, F features, D features of a step's output (both directions).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from elman.cells import Cell, create, names
from elman.cells import options as cell_options
from elman.errors import RunError, shown, unknown, wrong
from elman.nn import Recurrent
from elman.tasks.convolution import Convolution
from elman.tasks.inputs import Inputs
from elman.tasks.token_inputs import TokenInputs, TokenLayer
from elman.train.options import TrainOptions
from elman.train.pairs import read_pairs


def cell_of(options: TrainOptions) -> Cell:
    """The cell that the options name; raises `ArgumentError` for a name or an option that is none."""
    given = read_pairs("cell_options", options.cell_options)
    if not isinstance(options.cell, str):
        if given:
            expected = "None beside a Cell, which has its options"
            raise wrong("cell_options", expected=expected, got=given, remedy="Build the Cell with them.")
        return options.cell
    known = [
        name for name in cell_options(options.cell) if name != "projection"
    ]  # no task has a width for it
    for name in given:
        if name not in known:
            raise unknown(f"cell_options of {options.cell}", name, known)
    if options.activation is None:
        return create(options.cell, **given)
    if "activation" in given:
        got = shown(f"{options.activation!r} and {given['activation']!r} in cell_options")
        raise wrong("activation", expected="it once", got=got, remedy="Leave one of them out.")
    if "activation" not in known:
        able = [name for name in names() if "activation" in cell_options(name)]
        got = shown(f"{options.activation!r} for the cell {options.cell}, which has its own")
        expected = f"an activation only for a cell that lets it be chosen ({', '.join(able)})"
        raise wrong("activation", expected=expected, got=got)
    return create(options.cell, activation=options.activation, **given)


def cell_about(cell: Cell) -> dict[str, Any]:
    """A registered cell as plain values; raises `RunError` for one that is not registered."""
    for name in names():
        if type(create(name)) is type(cell):
            return {"name": name, "options": {o: getattr(cell, o) for o in cell_options(name)}}
    raise RunError(
        f"cell: expected a registered cell, got {type(cell).__name__}. "
        "Call elman.cells.register(name, class) before saving, and before loading."
    )


def as_given(cell: Cell) -> str | Cell:
    """The name of a cell whose options are all at their defaults, else the cell itself."""
    about = cell_about(cell)
    return about["name"] if about == cell_about(create(about["name"])) else cell


def recurrent_layers(cell: Cell, features: int, options: TrainOptions) -> Recurrent:
    """The recurrent layers over `features`, with all that the options say of them."""
    return Recurrent(
        cell,
        features,
        options.hidden_size,
        options.layers,
        dropout=(options.dropout or 0.0) if options.layers > 1 else 0.0,
        bidirectional=bool(options.bidirectional),
        input_dropout=options.input_dropout or 0.0,
        recurrent_dropout=options.recurrent_dropout,
        zoneout=options.zoneout,
        weight_drop=options.weight_drop,
        memory=options.memory,
        backend=options.backend,
    )


class Body(nn.Module):
    """What all networks begin with: an input layer, dropout on embeddings, recurrent layers.

    front: given the input layer's features, what stands between it and the recurrent layers; called with
        (T, B, features) and lengths, it gives the same with its own `features`, and maybe fewer steps.
    """

    def __init__(
        self,
        inputs: Inputs | TokenInputs,
        cell: Cell,
        options: TrainOptions,
        front: Callable[[int], Convolution] | None = None,
    ) -> None:
        super().__init__()
        self.input, features = inputs.layer()
        embedded = isinstance(self.input, (nn.Embedding, TokenLayer))
        self.input_dropout = nn.Dropout(options.dropout or 0.0 if embedded else 0.0)
        self.front = front(features) if front else None
        self.recurrent = recurrent_layers(cell, self.front.features if self.front else features, options)
        self.width = options.hidden_size * (1 + bool(options.bidirectional))  # D

    def forward(self, x: Any, lengths: Tensor | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """(T, B, F) numbers or (T, B) tokens, lengths (B,) or None, a carried state or None: (steps
        (T, B, D), the final state)."""
        read = self.input_dropout(self.input(x))
        read = read.to(self.recurrent.all_weights[0][0].dtype)  # numbers are kept in float32
        if self.front is not None:
            read, lengths = self.front(read, lengths)
        return self.recurrent(read, state, lengths=lengths)
