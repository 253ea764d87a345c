"""Values as they stand on the command line, looked at before tyro takes them: what is wrong with one is said
in the form that all errors of elman have."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tyro

from elman.errors import ArgumentError, shown, unknown, wrong

HELP = ("-h", "--help")
#: what is expected of a kind, where no rule says more
KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False"}


@dataclass(frozen=True)
class Takes:
    """What an option takes.

    name: as errors call it. kind: int, float, str, or bool (True or False). expected: in words. optional:
    whether None may stand there. several: any number of values.
    """

    name: str
    kind: type
    expected: str
    optional: bool = False
    several: bool = False

    def fits(self, value: str) -> bool:
        """Whether a value can be read as what is taken; its range is for the options themselves."""
        if self.kind is str or (self.optional and value == "None"):
            return True
        if self.kind is bool:
            return value in ("True", "False")
        try:
            self.kind(value)
        except ValueError:
            return False
        return True


@dataclass(frozen=True)
class Places:
    """What stands on its own, such as the run folder: its name, what is expected, how many at the most."""

    name: str = ""
    expected: str = ""
    most: float = 0

    def check(self, loose: Sequence[str]) -> None:
        """Raise `ArgumentError` for none where one is expected, and for more than there may be."""
        if self.most and not loose:
            raise wrong(self.name, expected=self.expected, got=shown("nothing"))
        if len(loose) > self.most:
            raise wrong(
                "option",
                expected="its name in front of each value (--epochs 5)",
                got=loose[int(self.most)],
                remedy="An option takes one value: a text with spaces in it needs quotes.",
            )


def checked(
    given: Sequence[str], options: Mapping[str, Takes], flags: Collection[str], places: Places
) -> list[str]:
    """The arguments, each value joined to its option by =, as it may begin with dashes, as a prompt does.

    options: by flag, those that take a value. flags: all there are, with those that take none. places: what
    may stand without an option in front.

    Raises `ArgumentError` for an unknown option, with the nearest one, and for a value of the wrong kind, one
    that is missing, and one that is too many.
    """
    joined: list[str] = []
    loose: list[str] = []
    waiting = list(reversed(given))
    while waiting:
        argument = waiting.pop()
        if argument in HELP:
            return [argument]
        flag, equals, value = argument.partition("=")
        takes = options.get(_plain(flag))
        if takes is None:
            if flag.startswith("-") and _plain(flag) not in flags:
                raise unknown("option", _plain(flag), flags)
            if flag.startswith("-") and equals:
                raise _stands_alone(_plain(flag), argument, flags)
            joined.append(argument)
            loose += [] if argument.startswith("-") else [argument]
        elif takes.several and not equals:
            joined.append(argument)
            while waiting and not waiting[-1].startswith("-"):
                joined.append(_fitting(takes, waiting.pop()))
        elif equals:
            joined.append(f"{flag}={_fitting(takes, value)}")
        elif waiting and _plain(waiting[-1].partition("=")[0]) not in flags:
            joined.append(f"{flag}={_fitting(takes, waiting.pop())}")
        else:
            raise _nothing(takes, flag, waiting[-1] if waiting else None)
    places.check(loose)
    return joined


def takes_of_job(kind: type[Any]) -> tuple[dict[str, Takes], Places]:
    """(by flag what the options of a job on a run take, what stands on its own), from the kinds of the
    fields."""
    options, places = {}, Places()
    plain = typing.get_type_hints(kind)
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        kinds, several = list(_kinds(plain[name])), typing.get_origin(plain[name]) is tuple
        optional = type(None) in kinds
        if hint == tyro.conf.Positional[plain[name]]:
            places = Places(name, "run folders", math.inf) if several else Places(name, "a run folder", 1)
        elif bool not in kinds or optional:
            options[f"--{name.replace('_', '-')}"] = Takes(
                name, kinds[0], KINDS[kinds[0]], optional=optional, several=several
            )
    return options, places


def _plain(flag: str) -> str:
    """A flag as it is listed, for one that is written with _ in place of -."""
    return flag.replace("_", "-") if flag.startswith("--") else flag


def _kinds(hint: Any) -> Iterator[type]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType, tuple):
        for part in typing.get_args(hint):
            if part is not Ellipsis:
                yield from _kinds(part)
    else:
        yield hint


def _fitting(takes: Takes, value: str) -> str:
    if not takes.fits(value):
        raise wrong(takes.name, expected=takes.expected, got=value)
    return value


def _nothing(takes: Takes, flag: str, behind: str | None) -> ArgumentError:
    """What is said where the value of an option is missing, or looks like another option."""
    remedy = "" if behind is None or takes.kind is not str else f"If {behind!r} is the text: {flag}={behind}."
    return wrong(takes.name, expected=takes.expected, got=shown("nothing"), remedy=remedy)


def _stands_alone(flag: str, argument: str, flags: Collection[str]) -> ArgumentError:
    """What is said where a value stands behind an option that takes none."""
    other = f"--no-{flag[2:]}"
    expected = f"{flag} alone" + (f", or {other}" if other in flags else "")
    return wrong(flag.lstrip("-").replace("-", "_"), expected=expected, got=shown(repr(argument)))
