"""stub until schedule lands"""

from __future__ import annotations


def obstacle(program, device, dtype):
    return "The engine is not built yet."


def describe():
    return ""


def run(*a):
    raise RuntimeError
