"""The command line: `elman COMMAND …`. It reads options and hands over; nothing imports it."""

from elman.cli.arguments import read_options
from elman.cli.commands import main

__all__ = ["main", "read_options"]
