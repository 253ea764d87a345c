"""`Cell`: the base class of every recurrent cell, built in or a user's own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from elman.cells.checks import check_options, named_options
from elman.errors import CellError
from elman.program.functions import layer_norm
from elman.program.program import Program, State
from elman.program.starts import Init
from elman.program.symbols import Symbol, fail
from elman.program.trace import Trace, trace

if TYPE_CHECKING:
    from typing_extensions import Self


class _Signature:
    """The signature of a class, which is its constructor's though there is a `__new__` of any arguments."""

    def __get__(self, cell: Any, owner: type) -> inspect.Signature:
        signature = inspect.signature(owner.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])


class Cell:
    """One time step of a recurrent network, written as its equations.

    A subclass declares `states` and writes `step`; everything else is derived from them:

        class Minimal(Cell):
            states = (State("h"),)

            def step(self, x, h):
                z = sigmoid(self.project(x, "xz") + self.project(h, "hz"))
                return (1 - z) * h + z * tanh(self.project(x, "xh"))

    `step(self, x, *states)` receives x of width I and the states as they were before the step, and returns
    the new states in the order of their declaration; the first one is the cell's output. Widths are symbols:
    I for the input, H for the hidden features, P for a projected state (torch's `proj_size`).

    Options are the arguments of `__init__`. Raises `ArgumentError`, listing them, for one that it does not
    take, and `CellError`, naming the line, where the step cannot be traced.
    """

    states: ClassVar[tuple[State, ...]] | tuple[State, ...] = (State("h"),)
    _trace: Trace | None = None
    __signature__ = _Signature()

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if "__init__" in cls.__dict__:
            type.__setattr__(cls, "__init__", named_options()(cls.__dict__["__init__"]))

    def __new__(cls, *args: Any, **options: Any) -> Self:
        # a dataclass has its __init__ only after __init_subclass__ was there
        check_options(cls, options)
        return super().__new__(cls)

    @named_options()
    def __init__(self) -> None:
        super().__init__()

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """`step(self, x, *states)`: the equations of one time step; a subclass writes them."""
        raise CellError(
            f"{type(self).__name__} has no step. Write `def step(self, x, *states)` with its equations."
        )

    def project(
        self,
        value: Symbol,
        name: str,
        gates: int = 1,
        *,
        only: int | tuple[int, int] | None = None,
        width: str = "H",
        heads: int = 1,
        bias: bool = True,
        init: Init | Sequence[float | None] | float | None = None,
        bias_init: Init | Sequence[float | None] | float | None = None,
    ) -> Any:
        """`weight_{name} · value + bias_{name}`; the parameters come into being here.

        Args:
            value: x, a state, or anything computed from them (a reader may project x for all steps at once).
            name: of the parameters; weight (gates · width, width of value / heads), bias (gates · width).
            gates: blocks that are computed by one product, each of `width` features.
            only: take gate number `only`, or gates `only[0]` up to `only[1]` (exclusive), of that parameter.
            width: "H" hidden or "P" projected.
            heads: parts of a block-diagonal weight: part n of each gate reads only part n of the value.
            bias: whether there is a bias (the layer's `bias=False` removes all of them).
            init, bias_init: a name of `elman.program.INITS`, or numbers for the gates (None: the default), or
                one of the other forms in `elman.program.starts`.

        Returns:
            One symbol, or a tuple of as many as there are gates where more than one is asked for.
        """
        trace = self._tracing()
        first, stop = (0, gates) if only is None else (only, only + 1) if isinstance(only, int) else only
        if not isinstance(value, Symbol):
            fail(
                f"project: expected a symbol, got {type(value).__name__}.",
                "Project x, a state, or a value made of them.",
            )
        if not 0 <= first < stop <= gates:
            fail(f"project: only={only!r} is not within {gates} gates.", "Gates count from 0.")
        if width not in ("H", "P"):
            fail(f"project: width {width!r} is unknown.", "Valid: 'H' (hidden), 'P' (projected).")
        if not isinstance(heads, int) or isinstance(heads, bool) or heads < 1:
            fail(
                f"project: heads={heads!r} is not a whole number of 1 or more.", "One head is a full weight."
            )
        symbols = trace.project(value, name, gates, first, stop - first, width, heads, bias, init, bias_init)
        return symbols[0] if len(symbols) == 1 else symbols

    def vector(
        self,
        name: str,
        gates: int = 1,
        *,
        width: str = "H",
        init: Init | Sequence[float | None] | float | None = None,
    ) -> Any:
        """A learned number for each feature: `gates` blocks in one parameter (gates · width,).

        Returns one symbol, or a tuple of `gates` symbols. Arguments as in `project`.
        """
        symbols = self._tracing().vector(name, gates, width, init)
        return symbols[0] if len(symbols) == 1 else symbols

    def normalise(self, *values: Symbol, name: str, bias_init: Sequence[float] | float = 0.0) -> Any:
        """Layer normalisation (Ba et al. 2016, arXiv:1607.06450) over all features of `values` together.

        Its parameters come into being here, a block for each value: the scales `norm_{name}`, which start at
        1, and the shifts `bias_{name}`, which `bias=False` leaves out as it does the biases of products.

        Args:
            values: one or several symbols of one width, such as the gates of one product taken without bias.
            name: of the parameters, each (values · width,).
            bias_init: where the shifts start, a number for each value.

        Returns:
            One symbol, or a tuple of as many as there are values.
        """
        trace, gates = self._tracing(), len(values)
        width = values[0].value.width
        scale = trace.vector(f"norm_{name}", gates, width, "ones")
        trace.biased.add(f"bias_{name}")
        shift = trace.vector(f"bias_{name}", gates, width, bias_init) if trace.bias else None
        return layer_norm(*values, scale=scale, shift=shift)

    def program(self, bias: bool = True) -> Program:
        """The traced Program, with the biases of projections or without; traced once and kept."""
        kept: dict[bool, Program] = self.__dict__.setdefault("_programs", {})
        if bias not in kept:
            tracer = copy.copy(self)
            kept[bias] = trace(tracer, tuple(self.states), bias)
        return kept[bias]

    def __getstate__(self) -> dict[str, Any]:
        """A pickled or copied cell is traced again when it is needed."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_programs", "_trace")}

    def _tracing(self) -> Trace:
        if self._trace is None:
            raise CellError("project and vector work inside step, while the cell is traced.")
        return self._trace

    def __repr__(self) -> str:
        options = ", ".join(
            f"{k}={v!r}" for k, v in vars(self).items() if not k.startswith("_") and k != "states"
        )
        return f"{type(self).__name__}({options})"
