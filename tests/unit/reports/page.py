"""An HTML page as a test sees it."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """All tags with their attributes, and the text that is shown.

    Attributes:
        tags: (name, attributes) in order.
        scripts: the content of each script element.
        shown: the text outside of scripts and styles.
        figures: ``data-metric`` → ``data-value`` of the headline.
        measures: ``data-measure`` → ``data-value`` of the list of metrics.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.shown = ""
        self.figures: dict[str, str] = {}
        self.measures: dict[str, str] = {}
        self._within = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        self._within = tag
        if tag == "script":
            self.scripts.append("")
        if "data-metric" in attributes:
            self.figures[attributes["data-metric"]] = attributes["data-value"]
        if "data-measure" in attributes:
            self.measures[attributes["data-measure"]] = attributes["data-value"]

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "script":
            self.scripts[-1] += data
        elif self._within != "style":
            self.shown += data
