"""The floors of the house: imports only go down, the low floors need no tensors, the engine knows nobody."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "elman"
ENGINE = ROOT / "csrc"

# Each name directly under src/elman stands on one floor. A new module or package gets its line here.
FLOORS = {
    "errors": 0,
    "program": 1,
    "cells": 1,
    "backends": 2,
    "_engine": 2,
    "nn": 3,
    "data": 3,
    "bench": 4,
    "train": 4,
    "tasks": 5,
    "estimators": 6,
    "inspect": 6,
    "reporting": 7,
    "cli": 8,
}
# The only neighbour on the same floor that may be imported: cells are written in the language of program/.
NEIGHBOURS = {("cells", "program"), ("backends", "_engine")}
NO_TENSORS = ("errors", "program", "cells")
TENSOR_LIBRARIES = {"torch", "numpy", "scipy", "sklearn", "polars", "lightning"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def imported(source: str, package: str) -> Iterator[tuple[int, str]]:
    """(line, absolute name) of every import in `source`, wherever it stands; `package` is where it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield node.lineno, str(node.args[0].value)


def unit_of(path: Path) -> str:
    """The name directly under src/elman that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def upward(unit: str, source: str, package: str) -> list[str]:
    """The imports of `source`, which belongs to `unit`, that do not go down; the version is for all."""
    found = []
    for line, name in imported(source, package):
        parts = name.split(".")
        if parts[0] != "elman":
            continue
        target = parts[1] if len(parts) > 1 else ""
        if target in (unit, "__version__") or (unit, target) in NEIGHBOURS:
            continue
        if FLOORS.get(target, 99) >= FLOORS[unit]:
            found.append(f"line {line}: {unit} (floor {FLOORS[unit]}) imports {name}")
    return found


def test_every_module_stands_on_a_floor() -> None:
    assert {unit_of(path) for path in modules()} <= FLOORS.keys()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    package = "elman." + ".".join(path.relative_to(PACKAGE).parent.parts)
    assert upward(unit_of(path), path.read_text(), package.rstrip(".")) == []


@pytest.mark.parametrize(
    ("unit", "source", "package"),
    [
        ("errors", "from elman.nn import LSTM", "elman"),
        ("program", "import elman.cells", "elman.program"),
        ("nn", "from elman import data", "elman.nn"),
        ("data", "def f():\n    from elman.train.loop import fit", "elman.data"),
        ("nn", "from ..tasks import classify", "elman.nn"),
        ("backends", "from importlib import import_module\nimport_module('elman.nn')", "elman.backends"),
        ("tasks", "import elman", "elman.tasks"),
        ("tasks", "from elman import Classifier", "elman.tasks"),
    ],
)
def test_an_upward_import_is_seen(unit: str, source: str, package: str) -> None:
    assert len(upward(unit, source, package)) == 1


@pytest.mark.parametrize("unit", NO_TENSORS)
def test_low_floors_import_no_tensor_library(unit: str) -> None:
    files = [path for path in modules() if unit_of(path) == unit]
    assert files
    for path in files:
        used = {name.split(".")[0] for _, name in imported(path.read_text(), "elman")}
        assert not used & TENSOR_LIBRARIES, path


def fresh_interpreter(statements: str) -> list[str]:
    """What `statements` print as JSON in a new process."""
    done = subprocess.run([sys.executable, "-c", statements], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_elman_loads_nothing_else() -> None:
    loaded = fresh_interpreter(
        "import json, sys; before = set(sys.modules); import elman\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "print(json.dumps(sorted(new | {n for n in sys.modules if n.startswith('elman.')})))"
    )
    assert loaded == ["elman"]


@pytest.mark.parametrize("module", ["elman.nn", "elman.tasks.generate", "elman.inspect.command"])
def test_what_takes_seconds_to_import_waits_until_it_is_used(module: str) -> None:
    slow = ["torch._dynamo", "lightning_fabric", "matplotlib"]
    loaded = fresh_interpreter(
        f"import json, sys, {module}\nprint(json.dumps([n for n in {slow} if n in sys.modules]))"
    )
    assert loaded == []


def test_cells_and_programs_work_without_tensors() -> None:
    loaded = fresh_interpreter(
        "import json, sys; from elman.cells import create, names\n"
        "for name in names(): print(create(name).program(), file=sys.stderr)\n"
        f"print(json.dumps(sorted({TENSOR_LIBRARIES!r} & set(sys.modules))))"
    )
    assert loaded == []


def code_of(path: Path) -> str:
    """A C++ file without its comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", path.read_text(), flags=re.DOTALL)


def strangers(name: str, code: str, cells: tuple[str, ...]) -> list[str]:
    """Names of Python, torch or a cell in C++ `code`; only the bindings may know Python."""
    forbidden = ["torch", "aten", "libtorch", *cells]
    if not name.endswith(("bindings.cpp", "bindings.h")):
        forbidden += ["python", "pybind11", "nanobind"]
    words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", code)}
    return sorted(words & set(forbidden))


def test_the_engine_knows_neither_python_nor_torch_nor_any_cell() -> None:
    from elman.cells import names

    files = [path for path in ENGINE.iterdir() if path.suffix in (".h", ".cpp")]
    assert len(files) > 3
    for path in files:
        assert strangers(path.name, code_of(path), names()) == [], path


def test_a_stranger_in_the_engine_is_seen() -> None:
    assert strangers("matmul.h", "#include <Python.h>\nint lstm_step;", ("lstm",)) == ["lstm", "python"]
    assert strangers("matmul.h", "struct LstmGates;", ("lstm",)) == ["lstm"]
    assert strangers("bindings.cpp", "#include <nanobind/nanobind.h>", ("lstm",)) == []
    assert strangers("bindings.cpp", "#include <torch/all.h>", ("lstm",)) == ["torch"]
