"""The packages that pages are made with, each missing one an error that says which extra brings it."""

from __future__ import annotations

import base64
import gzip
from functools import cache
from importlib.util import find_spec

from elman.errors import missing

PACKAGES = ("plotly", "jinja2", "latex2mathml")
SERVER = ("fastapi", "uvicorn")


def need(packages: tuple[str, ...] = PACKAGES, *, what: str) -> None:
    """Raise `MissingError` for the first package that is not installed."""
    for package in packages:
        if find_spec(package) is None:
            raise missing(package, extra="report", what=what)


@cache
def plotly_script() -> str:
    """plotly.js, as gzip in base64: 2 MB in place of 5; the page unpacks it by itself."""
    from plotly.offline import get_plotlyjs

    packed = gzip.compress(get_plotlyjs().encode(), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode()
