"""What every message of elman says: the argument, what was expected, what came, the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ElmanError(Exception):
    """Base of every error that elman raises on purpose."""


class ArgumentError(ElmanError, ValueError):
    """An argument, option or tensor is not what the call expects."""


class CellError(ElmanError, TypeError):
    """The equations of a cell cannot be turned into a Program."""


class BackendError(ElmanError, RuntimeError):
    """The reader that the user named cannot serve these tensors."""


class DataError(ElmanError, ValueError):
    """A file, column or array cannot be used as training or evaluation data."""


class RunError(ElmanError, RuntimeError):
    """A run folder, a model file or a training run is not in a usable state."""


class MissingError(ElmanError, ImportError):
    """A package is not installed that one of elman's extras brings."""


def wrong(argument: str, *, expected: str, got: object, remedy: str = "") -> ArgumentError:
    """An `ArgumentError` in the one form that all of them have.

    `got` is shown by `repr`, except for strings that describe (pass those wrapped in `shown`).
    """
    shown_got = got.text if isinstance(got, shown) else repr(got)
    message = f"{argument}: expected {expected}, got {shown_got}."
    return ArgumentError(f"{message} {remedy}".rstrip())


class shown:
    """Marks text that goes into a message as it is, without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text


def unknown(argument: str, got: object, choices: Iterable[str], remedy: str = "") -> ArgumentError:
    """An `ArgumentError` for a name that is not among `choices`; suggests the nearest one."""
    valid = sorted(choices)
    message = f"{argument}: unknown name {got!r}.{nearest(got, valid)} Valid: {', '.join(valid) or 'none'}."
    return ArgumentError(f"{message} {remedy}".rstrip())


def nearest(got: object, choices: Iterable[str]) -> str:
    """The sentence that offers the name among `choices` that is nearest to `got`; empty if none is near."""
    near = difflib.get_close_matches(str(got), list(choices), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""


def missing(package: str, *, extra: str, what: str) -> MissingError:
    """A `MissingError` for `what` the caller wanted to do, with the extra that brings the package."""
    return MissingError(
        f"{what} needs the package {package}, which is not installed. "
        f"Install it with the extra that brings it: pip install 'elman[{extra}]'."
    )
