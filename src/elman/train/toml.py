"""Options as TOML files: reading with clear errors, and writing flat tables of plain values."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.errors import DataError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; raises `DataError` if it is missing or no TOML."""
    if not path.is_file():
        raise DataError(f"config: expected a TOML file, got '{path}', which does not exist.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected TOML, got a mistake ({error}).") from None


def to_toml(values: Mapping[str, Any]) -> str:
    """A flat table of texts, numbers and booleans as TOML."""
    return "".join(f"{name} = {_plain(value)}\n" for name, value in values.items())


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's too, once nothing outside the basic plane is escaped
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
