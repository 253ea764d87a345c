"""Names with values as one text, `peepholes=true,forget_bias=1`, or as a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from elman.errors import ArgumentError, wrong

FORM = "NAME=VALUE,… such as 'layer_norm=true,forget_bias=1', or a mapping of names to plain values"
_WORDS = {"true": True, "false": False, "none": None}
_PLAIN = (bool, int, float, str)


def read_pairs(argument: str, given: Any) -> dict[str, Any]:
    """The names and values of a text or a mapping; None has none.

    Values in a text are true, false, none, numbers, or else texts themselves.
    A name may be written with - for _.

    Raises `ArgumentError` for anything else, a name given twice, or a value that is not plain.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        pairs = [(name, value) for name, value in given.items()]
        if all(isinstance(n, str) and (v is None or isinstance(v, _PLAIN)) for n, v in pairs):
            return dict(pairs)
        raise _wrong(argument, given)
    if not isinstance(given, str):
        raise _wrong(argument, given)
    found: dict[str, Any] = {}
    for part in (part.strip() for part in given.split(",") if part.strip()):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        name = name.replace("-", "_")
        if not (name and equals and value):
            raise _wrong(argument, given)
        if name in found:
            raise wrong(argument, expected=f"{name} once", got=given)
        found[name] = _value(value)
    return found


def write_pairs(argument: str, given: Any) -> str:
    """The same as one text, from which `read_pairs` reads it back."""
    pairs = read_pairs(argument, given)
    return ",".join(f"{name}={_text(value)}" for name, value in pairs.items())


def _wrong(argument: str, given: Any) -> ArgumentError:
    return wrong(argument, expected=FORM, got=given)


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _text(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
