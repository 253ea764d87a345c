"""Reports: a run, or several side by side, as one HTML file that needs no network."""

from __future__ import annotations

from elman.reporting.compare import compare as compare
from elman.reporting.report import report as report

__all__ = ["compare", "report"]
