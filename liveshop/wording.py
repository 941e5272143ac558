"""Figures of a replay in words."""

from __future__ import annotations

from producers.replay import Progress, ReplayResult


def progress_words(progress: Progress) -> str:
    """Records and rate, for a progress bar."""
    behind = f", {progress.behind_ms:,.0f} ms behind" if progress.behind_ms > 1_000 else ""
    return f"{progress.records:,} records, {progress.rate:,.0f}/s{behind}"


def sent_line(result: ReplayResult) -> str:
    """How much was sent, and whether on time."""
    behind = f", at most {result.behind_ms:,.0f} ms behind" if result.behind_ms >= 1 else ""
    return f"sent {sum(result.sent.values()):,} records in {result.seconds:.1f} s{behind}"
