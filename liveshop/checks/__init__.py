"""What ``liveshop doctor`` looks at, one module per subject. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from liveshop.checks.finding import Finding
from liveshop.checks.installation import check_packages, check_python, check_variables
from liveshop.checks.kafka import check_kafka
from liveshop.checks.machine import check_disk, check_port
from liveshop.checks.store import check_store
from liveshop.settings import Settings

__all__ = ["Finding", "examine"]

_CHECKS: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    check_python,
    check_packages,
    check_variables,
    check_kafka,
    check_store,
    check_port,
    check_disk,
)


def examine(settings: Settings) -> list[Finding]:
    """Run all checks, side by side, so that two servers that keep silent cost the time of one."""
    with ThreadPoolExecutor(len(_CHECKS)) as pool:
        found = pool.map(lambda check: list(check(settings)), _CHECKS)
        return [finding for findings in found for finding in findings]
