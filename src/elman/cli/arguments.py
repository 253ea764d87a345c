"""Options as they stand on the command line: unknown ones get the nearest name, a TOML file stands behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from elman.cli.values import Places, Takes, checked, takes_of_job
from elman.errors import ArgumentError

if TYPE_CHECKING:
    from elman.train.options import TrainOptions

#: flags that are read before the options, and what stands behind them
TAKES = {"--config": "the name of a TOML file", "--trials": "a number", "--search": "names of options"}


def read_options(kind: type[TrainOptions], given: list[str], *, command: str) -> TrainOptions:
    """The options of a task: defaults, over them a TOML file (`--config`), over it the command line.

    Raises `ArgumentError` for an unknown option, with the nearest one.
    """
    from elman.train.options import expectation, from_mapping, rules
    from elman.train.toml import read_toml

    given, config = take(given, "--config")
    if config and "--resume" in given:
        raise ArgumentError("config: a run that is resumed has its own options; leave --config out.")
    if "--resume" in given and (out := _value(given, "--out")):
        config = str(Path(out) / "config.toml")
        config = config if Path(config).is_file() else None
    start = from_mapping(kind, read_toml(Path(config)), origin=config) if config else kind()
    flags, takes = {"--help", "--config"}, {}
    for option, rule in rules(kind).items():
        if rule.command_line:
            flag = f"--{option.replace('_', '-')}"
            flags |= {flag, f"--no-{flag[2:]}"} if rule.kind is bool else {flag}
            if rule.kind is not bool or rule.optional:
                takes[flag] = Takes(option, rule.kind, expectation(rule), optional=rule.optional)
            if rule.kind is bool and rule.optional:
                given = _spell_out(given, flag)
    takes["--hidden"] = takes["--hidden-size"]
    given = checked(given, takes, flags | set(takes), Places())
    return tyro.cli(kind, args=given, default=start, prog=f"elman {command}")


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
    """The options of a job on a run; raises `ArgumentError` for what cannot be one, with the nearest name."""
    takes, places = takes_of_job(kind)
    flags = {"--help", *takes}
    for name, own in kind.__dataclass_fields__.items():
        flag = f"--{name.replace('_', '-')}"
        if own.metadata.get("flag"):  # one that may also be left open
            given = _spell_out(given, flag)
        if isinstance(own.default, bool):
            flags |= {flag, f"--no-{flag[2:]}"}
    return tyro.cli(kind, args=checked(given, takes, flags, places), prog=prog)


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
