"""Options: one frozen dataclass a task, read by Python, the command line and TOML files alike.

Each field is declared by one of the small functions below, which state what values it takes; `check` holds
every value against them. The text under a field is its help, on the command line and in the documentation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Annotated, Any, TypeVar

import tyro

from elman.cells import names as cell_names
from elman.errors import ArgumentError, shown, unknown, wrong
from elman.train.pairs import FORM, read_pairs, write_pairs

OptionsType = TypeVar("OptionsType", bound="TrainOptions")


@dataclass(frozen=True)
class Search:
    """What tuning tries for an option: numbers from `low` to `high`, or one of `among`.

    usual: without being asked to. log: by their logarithm.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    among: tuple[Any, ...] = ()
    usual: bool = True

    def suggest(self, trial: Any, name: str) -> Any:
        """The value that an Optuna trial takes."""
        if self.among:
            return trial.suggest_categorical(name, self.among)
        if isinstance(self.low, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Rule:
    """What one option takes. `low` is inclusive, `above` and `below` are not."""

    kind: type
    low: float | None = None
    above: float | None = None
    below: float | None = None
    unit: str = ""
    optional: bool = False
    choices: Callable[[], Iterable[str]] | None = None
    instance_of: str = ""  # a class (by name) whose instances are taken too, in Python
    pairs: bool = False  # names with values, as one text or as a mapping
    python: bool = True  # False: about files and folders, so the estimators do not have it
    command_line: bool = True
    search: Search | None = None  # what tuning tries


def _declare(default: Any, rule: Rule) -> Any:
    return field(default=default, metadata={"rule": rule})


def whole(default: int | None, *, low: int = 0, **rule: Any) -> Any:
    """A whole number of `low` or more."""
    return _declare(default, Rule(int, low=low, **rule))


def real(
    default: float | None,
    *,
    above: float | None = None,
    below: float | None = None,
    **rule: Any,
) -> Any:
    """A number of 0 or more, or above `above`, and under `below`."""
    low = 0.0 if above is None else None
    return _declare(default, Rule(float, low=low, above=above, below=below, **rule))


def choice(
    default: str | None,
    choices: Iterable[str] | Callable[[], Iterable[str]],
    *,
    instance_of: str = "",
    **rule: Any,
) -> Any:
    """One of a list of names; the list may be a function, asked when it is needed."""
    listed = choices if callable(choices) else (lambda fixed=tuple(choices): fixed)
    return _declare(
        default, Rule(str, choices=listed, optional=default is None, instance_of=instance_of, **rule)
    )


def flag(default: bool | None, **rule: Any) -> Any:
    """Yes or no; None (where it is the default) leaves the choice to the task."""
    return _declare(default, Rule(bool, optional=default is None, **rule))


def text(default: str | None = None, **rule: Any) -> Any:
    """Any text, such as the name of a file or column."""
    return _declare(default, Rule(str, optional=default is None, **rule))


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options that every task has, under the same names. None where the task chooses from the data."""

    # the network
    cell: str = choice(
        "lstm", cell_names, instance_of="Cell", search=Search(among=("lstm", "gru", "rnn"), usual=False)
    )
    """The recurrent cell (`elman cells` lists them)."""
    activation: str | None = text()
    """The cell's activation, for cells that let it be chosen, such as relu for the cell rnn."""
    cell_options: str | None = text(pairs=True)
    """Other options of the cell, such as peepholes=true,layer_norm=true; `elman cells` lists them."""
    hidden_size: Annotated[int, tyro.conf.arg(aliases=["--hidden"])] = whole(
        128, low=1, unit="units", search=Search(among=(32, 64, 128, 256))
    )
    """Units of each layer, in each direction."""
    layers: int = whole(1, low=1, unit="layers", search=Search(1, 3))
    """Recurrent layers, one on top of the other."""
    bidirectional: bool | None = flag(None)
    """Also read each sequence from its end. Chosen from the data unless given."""
    dropout: float | None = real(None, below=1.0, optional=True, search=Search(0.0, 0.7))
    """Share of activations dropped in training, before the output and between layers. Chosen unless given."""
    input_dropout: float | None = real(None, below=1.0, optional=True, search=Search(0.0, 0.5, usual=False))
    """Share of each layer's input features dropped, the same at all steps. Unless given: mostly none."""
    recurrent_dropout: float = real(0.0, below=1.0, search=Search(0.0, 0.5, usual=False))
    """Share of state features dropped in training where they enter a product, the same at all steps."""
    zoneout: float = real(0.0, below=1.0, search=Search(0.0, 0.3, usual=False))
    """Chance that a feature of the state keeps its value at a step in training."""
    weight_drop: float = real(0.0, below=1.0, search=Search(0.0, 0.6, usual=False))
    """Share of the recurrent weights dropped in training, the same at all steps."""
    memory: str = choice("fast", ("fast", "low"))
    """low keeps the states of every sqrt(T)-th step only and runs the others again in the backward pass."""
    backend: str = choice("auto", ("auto", "engine", "reference"))
    """The reader that runs the cell."""

    # the training
    epochs: int | None = whole(None, low=1, unit="epochs", optional=True)
    """Passes over the training data. Chosen unless given."""
    max_seconds: float | None = real(None, above=0.0, optional=True)
    """Train for so long: the schedule runs over the time, `epochs` is the most. Never the same bits twice."""
    batch_size: int | None = whole(
        None, low=1, unit="sequences", optional=True, search=Search(among=(16, 32, 64, 128))
    )
    """Sequences a step. Chosen unless given."""
    learning_rate: float | None = real(None, above=0.0, optional=True, search=Search(3e-4, 3e-2, log=True))
    """The largest learning rate of the schedule. Chosen unless given."""
    optimizer: str = choice("adamw", ("adamw", "adam", "sgd", "rmsprop"))
    """The rule of the weight updates; sgd has Nesterov momentum of 0.9."""
    schedule: str = choice("warmup-cosine", ("constant", "cosine", "warmup-cosine", "step", "plateau"))
    """How the learning rate moves; step divides it by 10 twice, plateau halves it after two idle epochs."""
    warmup: float = real(0.1, below=1.0)
    """Share of all steps over which warmup-cosine rises from zero."""
    weight_decay: float = real(0.01, search=Search(1e-4, 0.3, log=True))
    """Weight decay of matrices (not of biases); decoupled in adamw, an L2 penalty in the others."""
    clip: float = real(1.0, search=Search(0.1, 10.0, log=True, usual=False))
    """Largest norm of the gradient over all weights; 0 leaves it as it is."""
    average: float = real(0.0, below=1.0)
    """Share of the training, its end, over which the weights are averaged; the mean is what is kept."""
    average_after: int | None = whole(None, low=1, unit="epochs", optional=True)
    """Begin to average once validation is worse than its best was so many epochs before (NT-ASGD: sgd, 5)."""
    patience: int | None = whole(None, low=1, unit="epochs", optional=True)
    """Stop after this many epochs without a better validation. Unless given: never; the best one is kept."""
    bptt: int | None = whole(None, low=1, unit="steps", optional=True)
    """Backpropagate through so many steps at most, with the state carried on. Unless given: the task's."""
    flow: int | None = whole(None, low=1, unit="steps", optional=True)
    """Every so many steps, write to flow.jsonl how large the gradient is at each step of time; more rarely
    where that would take over 5 % of the time."""
    init: str | None = text()
    """A run whose layers are taken as the first weights where names and shapes agree."""
    validation_share: float = real(0.1, below=1.0)
    """Share of the training data held out for validation where none is given; 0 for none."""
    seed: int = whole(0)
    """Seed of splits, first weights, order and dropout."""
    device: str = text("auto")
    """auto, cpu, cuda, cuda:1, mps."""
    precision: str = choice("32", ("32", "64", "bf16", "16"))
    """Bits of the arithmetic; bf16 and 16 are mixed precision."""
    verbose: Annotated[bool, tyro.conf.Suppress] = flag(False, command_line=False)
    """Show progress."""

    # the files (command line and TOML; Python passes arrays)
    data: str = text("", python=False)
    """Training data: a named data set, a file, or a folder with train, dev and test files."""
    valid: str | None = text(python=False)
    """Validation data; else a share of the training data."""
    test: str | None = text(python=False)
    """Test data; else a share of the training data."""
    test_share: float = real(0.1, below=1.0, python=False)
    """Share of the data held out for the test where none is given; 0 for none."""
    baselines: bool = flag(True, python=False)
    """Train simple rules on the same data, and show them beside the network."""
    out: str | None = text(python=False)
    """The run folder to write; runs/TASK-DATA-CELL unless given."""
    overwrite: bool = flag(False, python=False)
    """Replace the run folder if it exists."""
    resume: bool = flag(False, python=False)
    """Go on with the stopped run in the run folder, with its options."""
    watch: bool = flag(False, python=False)
    """Show the growing report in the browser, at http://127.0.0.1:PORT, while training runs."""
    port: int = whole(8765, python=False)
    """Where --watch serves; 0 for any port that is free."""
    log: str | None = choice(None, ("tensorboard",), python=False)
    """Also write what training says for another program: tensorboard, into RUN/tensorboard."""

    def replace(self: OptionsType, **changes: Any) -> OptionsType:
        """These options with some changed."""
        return dataclasses.replace(self, **changes)


def rules(options: type[TrainOptions]) -> dict[str, Rule]:
    """What each option of a task takes, by name."""
    return {f.name: f.metadata["rule"] for f in dataclasses.fields(options)}


def check(options: TrainOptions) -> None:
    """Raise `ArgumentError` for the first option whose value is not what its rule says."""
    for f in dataclasses.fields(options):
        value = getattr(options, f.name)
        if not _fits(f.metadata["rule"], f.name, value):
            remedy = "" if f.default is None else f"Default: {f.default!r}."
            raise wrong(f.name, expected=expectation(f.metadata["rule"]), got=value, remedy=remedy)


def expectation(rule: Rule) -> str:
    """What a rule asks for, in words."""
    unit = f" ({rule.unit})" if rule.unit else ""
    none = " or None" if rule.optional else ""
    if rule.kind is int:
        return f"a whole number of {rule.low:g} or more{unit}{none}"
    if rule.kind is float:
        if rule.above is not None:
            return f"a number above {rule.above:g}{none}"
        if rule.below is not None:
            return f"a number from {rule.low:g} to below {rule.below:g}{none}"
        return f"a number of {rule.low:g} or more{none}"
    if rule.kind is bool:
        return f"True or False{none}"
    if rule.pairs:
        return f"{FORM}{none}"
    return f"a text{none}"


def _fits(rule: Rule, name: str, value: Any) -> bool:
    if value is None:
        return rule.optional
    if rule.kind is bool:
        return isinstance(value, bool) or type(value).__name__ == "bool"
    if rule.pairs:
        return isinstance(read_pairs(name, value), dict)
    if rule.kind is str:
        if rule.instance_of and any(c.__name__ == rule.instance_of for c in type(value).__mro__):
            return True
        if not isinstance(value, str):
            return False
        if rule.choices and value not in rule.choices():
            raise unknown(name, value, rule.choices())
        return True
    if isinstance(value, bool) or not isinstance(value, Integral if rule.kind is int else Real):
        return False
    number = float(value)
    return (
        number == number
        and abs(number) != float("inf")
        and (rule.low is None or number >= rule.low)
        and (rule.above is None or number > rule.above)
        and (rule.below is None or number < rule.below)
    )


def from_mapping(kind: type[OptionsType], values: Mapping[str, Any], *, origin: str) -> OptionsType:
    """Options from names and values, as a TOML file has them.

    Raises `ArgumentError` that names `origin` for an unknown name (the nearest one suggested) or a wrong
    value.
    """
    known = rules(kind)
    for name, value in values.items():
        if name not in known:
            raise unknown(f"option in {origin}", name, known)
        if isinstance(value, Mapping) and not known[name].pairs:
            raise wrong(f"{name} in {origin}", expected=expectation(known[name]), got=shown("a table"))
    plain: dict[str, Any] = {}
    for name, value in values.items():
        if known[name].pairs and isinstance(value, Mapping):
            plain[name] = write_pairs(f"{name} in {origin}", value)
        else:
            plain[name] = float(value) if known[name].kind is float and type(value) is int else value
    try:
        options = kind(**plain)
        check(options)
    except ArgumentError as error:
        raise ArgumentError(f"{origin}: {error}") from None
    return options


def to_mapping(options: TrainOptions) -> dict[str, Any]:
    """The options as plain values, those that are None left out; a cell object becomes its name."""
    plain: dict[str, Any] = {}
    for name, rule in rules(type(options)).items():
        value = getattr(options, name)
        if value is None or not rule.command_line:
            continue
        if rule.pairs:
            plain[name] = write_pairs(name, value)
            continue
        plain[name] = (
            rule.kind(value) if isinstance(value, (str, Real)) else str(getattr(value, "name", value))
        )
    return plain
