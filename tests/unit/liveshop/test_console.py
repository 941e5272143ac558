"""Progress bars as a person sees them."""

from __future__ import annotations

import io

from rich.console import Console
from rich.progress import Progress

from liveshop.console import meter_columns


def test_a_meter_of_records_shows_how_many_a_second_and_how_long_still() -> None:
    now_s = 0.0
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=160)
    progress = Progress(*meter_columns(counts=True), console=console, get_time=lambda: now_s)
    task = progress.add_task("publishing", total=100_000, info="")
    console.print(progress.get_renderable())
    assert "/s" not in out.getvalue()
    for done in (12_345, 24_690, 37_035):
        now_s += 1.0
        progress.update(task, completed=done)
    console.print(progress.get_renderable())
    shown = out.getvalue()
    assert "12,345/s" in shown
    assert "37035/100000" in shown
    assert "0:00:06" in shown  # 62,965 records are left.
