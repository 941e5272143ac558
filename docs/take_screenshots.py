"""Takes the pictures of the README from a running demo: ``python docs/take_screenshots.py``.

Needs Debian's chromium, and a font for Chinese names (fonts-noto-cjk).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

from liveshop.embedded.process import free_port
from tests.fixtures.browser import CHROMIUM, FLAGS

IMAGES = Path(__file__).parent / "images"
#: When the page looks like the middle of a show.
_AFTER_S = 55
_DURATION_S = 75


def main() -> None:
    """Run a demo, look at the live page while it runs, and at the report when it is over."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        port = free_port()
        command = [sys.executable, "-m", "liveshop", "demo", "--headless", "--port", str(port)]
        command += ["--duration", str(_DURATION_S), "--data-dir", directory]
        demo = subprocess.Popen(command)  # noqa: S603 - our own command
        context = playwright.chromium.launch_persistent_context(
            tempfile.mkdtemp(dir=directory),
            executable_path=CHROMIUM,
            args=list(FLAGS),
            viewport={"width": 1280, "height": 800},
        )
        try:
            _wait_for(context, f"http://127.0.0.1:{port}/")
            time.sleep(_AFTER_S)
            context.pages[0].screenshot(path=IMAGES / "live-page.png")
            demo.wait()
            context.pages[0].goto((Path(directory) / "latest" / "report.html").as_uri())
            context.pages[0].wait_for_timeout(1_500)
            context.pages[0].screenshot(path=IMAGES / "report.png")
        finally:
            demo.terminate()
            demo.wait()
            context.close()


def _wait_for(context: BrowserContext, url: str) -> None:
    """Open the page once the worker serves it and the first figures are there."""
    from playwright.sync_api import Error

    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            context.pages[0].goto(url)
        except Error:
            time.sleep(0.5)
            continue
        context.pages[0].wait_for_selector("body[data-state=live]", timeout=60_000)
        return
    raise SystemExit("the live page did not come up")


if __name__ == "__main__":
    main()
