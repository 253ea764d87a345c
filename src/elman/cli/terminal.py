"""What the commands print with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def terminal() -> Console:
    """The terminal, or wherever the output goes."""
    from rich.console import Console

    return Console()


def complain(message: str) -> None:
    """Say on stderr what went wrong."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text("error: ", style="bold red") + Text(message), soft_wrap=True)
