"""Options as they stand on the command line: unknown ones get the nearest name, a TOML file stands behind."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from elman.errors import ArgumentError, unknown

if TYPE_CHECKING:
    from elman.train.options import TrainOptions

#: flags that are read before the options, and what stands behind them
TAKES = {"--config": "the name of a TOML file", "--trials": "a number", "--search": "names of options"}


def read_options(kind: type[TrainOptions], given: list[str], *, command: str) -> TrainOptions:
    """The options of a task: defaults, over them a TOML file (`--config`), over it the command line.

    Raises `ArgumentError` for an unknown option, with the nearest one.
    """
    from elman.train.options import from_mapping, rules
    from elman.train.toml import read_toml

    given, config = take(given, "--config")
    if config and "--resume" in given:
        raise ArgumentError("config: a run that is resumed has its own options; leave --config out.")
    if "--resume" in given and (out := _value(given, "--out")):
        config = str(Path(out) / "config.toml")
        config = config if Path(config).is_file() else None
    start = from_mapping(kind, read_toml(Path(config)), origin=config) if config else kind()
    flags = {"--hidden", "--help", "--config"}
    for option, rule in rules(kind).items():
        if rule.command_line:
            flag = f"--{option.replace('_', '-')}"
            flags |= {flag, f"--no-{flag[2:]}"} if rule.kind is bool else {flag}
            if rule.kind is bool and rule.optional:
                given = _spell_out(given, flag)
    return _parse(kind, given, flags, default=start, prog=f"elman {command}")


def _spell_out(given: list[str], flag: str) -> list[str]:
    """`--flag` as `--flag True` and `--no-flag` as `--flag False`, for flags that may also be left open."""
    spelled: list[str] = []
    for place, argument in enumerate(given):
        if argument == f"--no-{flag[2:]}":
            spelled += [flag, "False"]
        elif argument == flag and given[place + 1 : place + 2] not in (["True"], ["False"], ["None"]):
            spelled += [flag, "True"]
        else:
            spelled.append(argument)
    return spelled


def _value(given: list[str], flag: str) -> str | None:
    """The value behind a flag, or in --flag=value."""
    for place, argument in enumerate(given):
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
        if argument == flag and place + 1 < len(given):
            return given[place + 1]
    return None


def parse_job(kind: type[Any], given: list[str], prog: str) -> Any:
    names = {name.replace("_", "-"): f.default for name, f in kind.__dataclass_fields__.items()}
    for name, own in kind.__dataclass_fields__.items():
        if own.metadata.get("flag"):  # one that may also be left open
            given = _spell_out(given, f"--{name.replace('_', '-')}")
    given = _with_values(given, {f"--{name}" for name, usual in names.items() if not isinstance(usual, bool)})
    flags = {"--help", *(f"--{name}" for name in names)}
    flags |= {f"--no-{name}" for name, default in names.items() if isinstance(default, bool)}
    return _parse(kind, given, flags, prog=prog)


def _with_values(given: list[str], flags: set[str]) -> list[str]:
    """`--flag -value` as `--flag=-value`, where what stands behind begins with a dash but looks like no flag,
    as a prompt may."""
    joined: list[str] = []
    waiting = iter(given)
    for argument in waiting:
        if argument in flags and (value := next(waiting, None)) is not None:
            dashed = value.startswith("-") and not re.match("--[a-zA-Z]", value)
            joined += [f"{argument}={value}"] if dashed else [argument, value]
        else:
            joined.append(argument)
    return joined


def _parse(kind: type[Any], given: list[str], flags: set[str], **keywords: Any) -> Any:
    for argument in given:
        flag = argument.partition("=")[0].replace("_", "-")
        if flag.startswith("--") and flag not in flags:
            raise unknown("option", flag, flags)
    return tyro.cli(kind, args=given, **keywords)


def take(given: list[str], wanted: str) -> tuple[list[str], str | None]:
    """The arguments without the flag `wanted`, and its value."""
    rest: list[str] = []
    taken = None
    waiting = iter(given)
    for argument in waiting:
        flag, equals, value = argument.partition("=")
        if flag != wanted:
            rest.append(argument)
            continue
        taken = value if equals else next(waiting, None)
        if not taken:
            raise ArgumentError(f"{wanted[2:]}: expected {TAKES[wanted]} behind {wanted}, got nothing.")
    return rest, taken
