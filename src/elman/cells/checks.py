"""The checks of options, each with its remedy: of their names, and of what they may be."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar, cast

from elman.errors import unknown, wrong

Constructor = TypeVar("Constructor", bound=Callable[..., None])


def check_names(owner: str, given: Iterable[str], known: Collection[str], remedy: str = "") -> None:
    """Raises `ArgumentError` listing the options of `owner` where a given name is none of them."""
    for name in given:
        if name not in known:
            raise unknown(f"{owner} option", name, known, remedy)


def named_options(remedy: Callable[..., str] = lambda *_, **__: "") -> Callable[[Constructor], Constructor]:
    """Makes a constructor raise the error of `check_names`, rather than a bare TypeError, for a keyword that
    it does not take; its signature stays. `remedy`, called with the same arguments, says more."""

    def decorate(constructor: Constructor) -> Constructor:
        known = _keywords(constructor)
        if known is None:
            return constructor

        @functools.wraps(constructor)
        def checked(self: Any, *args: Any, **options: Any) -> None:
            if not options.keys() <= set(known):
                check_names(type(self).__name__, options, known, remedy(*args, **options))
            constructor(self, *args, **options)

        return cast(Constructor, checked)

    return decorate


def check_options(owner: type, options: Collection[str]) -> None:
    """The error of `check_names` for a keyword that the constructor of `owner` does not take."""
    known = _keywords(owner.__init__) if options else None
    if known is not None:
        check_names(owner.__name__, options, known)


def _keywords(constructor: Callable[..., None]) -> list[str] | None:
    """The names of the keywords that it takes; None where it takes any."""
    parameters = list(inspect.signature(constructor).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def one_of(option: str, given: Any, choices: Sequence[str]) -> str:
    """`given`; raises `ArgumentError` listing the choices where it is none of them."""
    if given not in choices:
        raise unknown(option, given, choices)
    return given


def whole(option: str, given: Any, least: int) -> int:
    """`given`; raises `ArgumentError` unless it is an int of at least `least`."""
    if isinstance(given, bool) or not isinstance(given, int) or given < least:
        raise wrong(option, expected=f"an integer >= {least}", got=given)
    return given


def flag(option: str, given: Any) -> bool:
    """`given`; raises `ArgumentError` unless it is a bool."""
    if not isinstance(given, bool):
        raise wrong(option, expected="True or False", got=given)
    return given


def number(option: str, given: Any, above: float = -math.inf) -> float:
    """`given` as a float; raises `ArgumentError` unless it is finite and more than `above`."""
    usable = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    if not usable or given <= above:
        bound = "" if above == -math.inf else f" above {above:g}"
        raise wrong(option, expected=f"a finite number{bound}", got=given)
    return float(given)


def interval(low: Any, high: Any, within: tuple[float, float] | None = None) -> tuple[float, float]:
    """The options `low` and `high` as floats.

    Raises `ArgumentError` unless low <= high and, with `within`, bottom <= low and bottom < high < top.
    """
    low, high = number("low", low), number("high", high)
    if low > high:
        raise wrong("low", expected=f"a number of at most high = {high:g}", got=low)
    if within is not None and low < within[0]:
        raise wrong("low", expected=f"a number of at least {within[0]:g}", got=low)
    if within is not None and not within[0] < high < within[1]:
        raise wrong("high", expected=f"a number between {within[0]:g} and {within[1]:g}", got=high)
    return low, high
