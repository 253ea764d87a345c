"""The options of the task forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import tyro

from elman.cells import names as cell_names
from elman.data.filling import FILLINGS
from elman.data.panel_columns import SeriesColumns
from elman.data.panel_steps import GATHER
from elman.errors import wrong
from elman.tasks.forecasting.conformal import CONFORMAL
from elman.tasks.forecasting.network import DECODERS, NORMALIZATIONS
from elman.tasks.forecasting.outputs import OUTPUTS
from elman.train.options import Search, TrainOptions, choice, flag, text, whole

Value = TypeVar("Value", int, float)


@dataclass(frozen=True, kw_only=True)
class ForecastOptions(TrainOptions):
    """The options of forecast."""

    # the network
    cell: str = choice("gru", cell_names, instance_of="Cell")
    """The recurrent cell (`elman cells` lists them)."""
    hidden_size: Annotated[int, tyro.conf.arg(aliases=["--hidden"])] = whole(
        256, low=1, unit="units", search=Search(among=(64, 128, 256, 512))
    )
    """Units of each layer, in each direction."""

    # the forecast
    horizon: int | None = whole(None, low=1, unit="steps", optional=True)
    """Steps to forecast. Unless given: one season."""
    lookback: int | None = whole(None, low=1, unit="steps", optional=True)
    """Steps that a forecast looks back on. Unless given: 30 seasons, but at most a quarter of the series."""
    decoder: str | None = choice(None, DECODERS)
    """How the steps ahead are made: direct (all at once), recursive (each from the one before), segments
    (SegRNN). Chosen unless given."""
    segment: int | None = whole(None, low=1, unit="steps", optional=True)
    """Steps of a segment, for the decoder segments. Chosen unless given."""
    normalize: str | None = choice(None, NORMALIZATIONS, search=Search(among=("last", "window")))
    """What each window is brought to: last (less its last value), window (mean 0, deviation 1), mean
    (divided by 1 + its mean size), series (nothing but the scale of the whole series). Chosen unless
    given."""
    output: str = choice("point", OUTPUTS)
    """What is said of each step: a point, quantiles, or the parameters of a distribution."""
    loss: str = choice("mae", ("mae", "mse"))
    """What a point minimizes: the absolute error (a median) or the squared error (a mean)."""
    quantiles: str = text("0.05,0.1,0.25,0.5,0.75,0.9,0.95")
    """The quantiles that the output quantile learns."""
    levels: str = text("80,90")
    """Levels of the intervals, in percent."""
    conformal: str = choice("adaptive", CONFORMAL)
    """How wide intervals are: split (so that they cover as much of the validation part as their levels say),
    adaptive (from there on following how many of the true values they miss), none (as the output says)."""
    channels: str = choice("independent", ("independent", "together"))
    """Whether each target is forecast from its own past, or all from the past of all."""
    series_embedding: bool | None = flag(None)
    """Learn a vector for each series. Unless given: where there are 2 to 2,000."""
    calendar: bool | None = flag(None)
    """Read hour, day of the week and the like of each step. Unless given: where covariates are known
    ahead.
    """
    season: int | None = whole(None, low=1, unit="steps", optional=True)
    """Steps of a season, for MASE and the baselines. Unless given: by the frequency, as 24 of hours."""
    windows: int | None = whole(None, low=1, unit="windows", optional=True)
    """Training windows drawn anew for each epoch. Chosen unless given."""

    # the table
    target: str | None = text()
    """Columns to forecast, with commas between. Unless given: y, else all columns of numbers."""
    time_column: str | None = text()
    """Column of the time stamps, or several such as year,month,day,hour. Found unless given."""
    id_column: str | None = text()
    """Column that says whose row it is, for several series. Unless given: unique_id if there is one."""
    known: str | None = text()
    """Columns of covariates that are known ahead, such as a forecast of the weather or a holiday."""
    past: str | None = text()
    """Columns of covariates that are known up to the present only."""
    static: str | None = text()
    """Columns that are the same in all rows of a series."""
    categories: str | None = text()
    """Those of the covariates that are categories although they look like numbers; texts always are."""
    frequency: str | None = text()
    """Distance of the stamps, such as 15min, h, d, b (Monday to Friday), w, mo, q, y. Inferred unless
    given.
    """
    fill: str = choice("forward", FILLINGS)
    """What stands for missing values in the inputs: forward (the last value), seasonal (that of a season
    before), zero; or refuse."""
    irregular: str = choice("refuse", ("refuse", *GATHER))
    """How stamps beside the grid are gathered into its steps: mean, last, sum; or refuse."""
    sort: bool = flag(False)
    """Sort the rows by series and time first."""

    # the files
    split: str | None = text(python=False)
    """Steps of training/validation/test from the start of each series on, such as 8640/2880/2880; else by
    shares.
    In `elman evaluate`, all takes every window."""
    future: str | None = text(python=False)
    """A file with the rows to come, which hold the covariates that are known ahead (elman predict)."""
    samples: int = whole(0, unit="paths", python=False)
    """Sample paths to draw beside the forecast (elman predict)."""
    step: int | None = whole(None, low=1, unit="steps", optional=True, python=False)
    """Steps between the rolling origins that the test part is forecast from. Unless given: 1, but a horizon
    in the table of elman predict."""
    auto_ets: int = whole(0, unit="origins", python=False)
    """Also fit AutoETS, at so many origins of the test part, as a baseline (slow; needs the extra
    forecast).
    """

    @property
    def columns(self) -> SeriesColumns:
        """The columns that the options name."""
        return SeriesColumns(
            self.id_column,
            names(self.time_column),
            names(self.target),
            names(self.known),
            names(self.past),
            names(self.static),
            names(self.categories),
        )

    @property
    def interval_levels(self) -> tuple[int, ...]:
        """The levels in percent; raises `ArgumentError` unless they are whole numbers of 1 to 99."""
        return numbers("levels", self.levels, int, "whole numbers of 1 to 99, such as 80,90", 1, 99)

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """The quantiles to be learned; raises `ArgumentError` unless they lie between 0 and 1."""
        expected = "numbers between 0 and 1, such as 0.1,0.5,0.9"
        return numbers("quantiles", self.quantiles, float, expected, 1e-6, 1 - 1e-6)

    @property
    def split_steps(self) -> tuple[int, int, int] | None:
        """(training, validation, test) steps, None for shares; raises `ArgumentError` for anything else."""
        if self.split in (None, "all"):
            return None
        parts = self.split.split("/") if self.split else []
        if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts) or int(parts[0]) < 1:
            raise wrong("split", expected="three numbers of steps, such as 8640/2880/2880", got=self.split)
        return int(parts[0]), int(parts[1]), int(parts[2])


def names(listed: str | None) -> tuple[str, ...]:
    """Names with commas between, apart."""
    return tuple(name.strip() for name in (listed or "").split(",") if name.strip())


def numbers(
    option: str, listed: str, kind: type[Value], expected: str, low: float, high: float
) -> tuple[Value, ...]:
    """Numbers with commas between, sorted; raises `ArgumentError` for one that is none or out of range."""
    try:
        values = tuple(sorted({kind(name) for name in names(listed)}))
    except ValueError:
        raise wrong(option, expected=expected, got=listed) from None
    if not values or not all(low <= value <= high for value in values):
        raise wrong(option, expected=expected, got=listed)
    return values


def joined(value: str | Sequence[object] | None) -> str | None:
    """A list, as Python may give it, as the text that the options hold."""
    return value if value is None or isinstance(value, str) else ",".join(map(str, value))
