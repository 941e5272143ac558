"""Who may import whom (``DESIGN`` section 2), read from the syntax trees of all packages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Package → the modules of ours that it may import besides itself.
ALLOWED: dict[str, frozenset[str]] = {
    "schemas": frozenset(),
    "streams": frozenset({"schemas"}),
    "producers": frozenset({"schemas"}),
    "agents": frozenset({"streams", "schemas"}),
    "reports": frozenset({"schemas"}),
    "deploy": frozenset({"schemas", "agents.metrics"}),
}
OURS = frozenset(ALLOWED) | {"benchmarks", "liveshop", "tests"}

#: The pure core gets no more than this: no I/O, no clock, no chance, no client library.
PURE = frozenset(
    {
        *("__future__", "abc", "collections", "dataclasses", "enum", "functools", "itertools"),
        *(
            "llvmlite",
            "base64",
            "math",
            "numba",
            "operator",
            "typing",
            "msgspec",
            "numpy",
            "orjson",
            "xxhash",
            "schemas",
            "streams",
        ),
    }
)
#: Modules of :data:`PURE` that can still reach out of the core, by these names.
IMPURE_CALLS = frozenset({"__import__", "open", "input", "print", "exec", "eval", "import_module"})


def imported_modules(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """``(line, dotted name)`` of everything a module imports, wherever in it that stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant):
                    yield node.lineno, str(argument.value)


def _called(node: ast.Call) -> str:
    """The bare name that is called, or the method's name behind a module of the import system."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    is_import = isinstance(node.func, ast.Attribute) and node.func.attr == "import_module"
    return "import_module" if is_import else ""


def _is_within(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(f"{allowed}.")


def violations(root: Path) -> list[str]:
    """Every import against the rules, as ``path:line: what``."""
    found = []
    for package, allowed in ALLOWED.items():
        for path in sorted((root / package).rglob("*.py")):
            name = path.relative_to(root)
            tree = ast.parse(path.read_bytes(), str(name))
            for line, module in imported_modules(tree, name.parent.parts):
                ours = module.partition(".")[0] in OURS - {package}
                if ours and not any(_is_within(module, one) for one in allowed):
                    found.append(f"{name}:{line}: {package} must not import {module}")
                elif package == "streams" and module.partition(".")[0] not in PURE:
                    found.append(f"{name}:{line}: the pure core must not import {module}")
            if package == "streams":
                found += [
                    f"{name}:{node.lineno}: the pure core must not call {_called(node)}"
                    for node in ast.walk(tree)
                    if isinstance(node, ast.Call) and _called(node) in IMPURE_CALLS
                ]
    return found


def test_packages_import_only_in_the_allowed_direction() -> None:
    assert violations(ROOT) == []


def test_every_package_with_a_rule_was_looked_at() -> None:
    for package in ALLOWED.keys() - {"deploy"}:
        assert any((ROOT / package).rglob("*.py")), package


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("schemas/bad.py", "import streams"),
        ("schemas/bad.py", "from agents.metrics import Metrics"),
        ("streams/bad.py", "from producers import seeds"),
        ("streams/bad.py", "from ..agents import sink"),
        ("streams/sub/bad.py", "from ...agents import sink"),
        ("streams/bad.py", "import time"),
        ("streams/bad.py", "from datetime import datetime"),
        ("streams/bad.py", "import os.path"),
        ("streams/bad.py", "def f():\n    import socket"),
        ("streams/bad.py", "import random"),
        ("streams/bad.py", "import asyncio"),
        ("streams/bad.py", "import aiokafka"),
        ("streams/bad.py", "from faust import App"),
        ("streams/bad.py", "import clickhouse_driver"),
        ("streams/bad.py", "open('/etc/passwd')"),
        ("streams/bad.py", "time = __import__('time')"),
        ("producers/bad.py", "import streams.fold"),
        ("agents/bad.py", "from liveshop import cli"),
        (
            "agents/bad.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import reports",
        ),
        ("agents/stores/bad.py", "import benchmarks"),
        ("reports/bad.py", "from streams.leaderboard import Leaderboard"),
        ("reports/bad.py", "import importlib\nimportlib.import_module('agents.sink')"),
        ("deploy/bad.py", "from agents.sink import Sink"),
        ("deploy/bad.py", "import agents"),
    ],
)
def test_import_against_the_rules_is_found(path: str, source: str, tmp_path: Path) -> None:
    bad = tmp_path / path
    bad.parent.mkdir(parents=True)
    bad.write_text(source)
    assert any(found.startswith(f"{path}:") for found in violations(tmp_path))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("schemas/good.py", "from schemas.events import Event"),
        ("streams/good.py", "from schemas import topics\nfrom streams.fold import Row"),
        ("streams/good.py", "from . import fold"),
        ("producers/good.py", "import time\nfrom schemas.truth import Truth"),
        ("agents/good.py", "import aiokafka\nfrom streams import batch"),
        ("agents/stores/good.py", "from ..metrics import Metrics"),
        ("deploy/good.py", "from agents.metrics import Metrics"),
        ("liveshop/good.py", "import agents, benchmarks, producers, reports, streams"),
    ],
)
def test_import_in_the_allowed_direction_passes(path: str, source: str, tmp_path: Path) -> None:
    good = tmp_path / path
    good.parent.mkdir(parents=True)
    good.write_text(source)
    assert violations(tmp_path) == []
