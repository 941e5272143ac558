"""A reader for the plain YAML that ``deploy/`` is written in; anything fancier is refused.

The project needs no YAML otherwise, so there is no package for it. What this reads, YAML reads in
the same way: block mappings and sequences, ``[a, "b"]`` on one line, double-quoted strings,
integers, ``true`` and ``false``, comments. No anchors, tags, multi-line strings or tabs.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

_KEY: Final = re.compile(r"([\w./-]+):(?: +(.*))?")
_PLAIN: Final = re.compile(r"[\w./$-][^#\[\]{}&*!|>'\"%`]*")
#: Words that YAML 1.1 takes for something other than a string.
_AMBIGUOUS: Final = re.compile(
    r"yes|no|on|off|y|n|null|~|[\d.]+e\d+|\d[\d_]*:[\d:]+|\d+\.\d+", re.I
)
_FLOW_ITEM: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,\[\]"]+?)\s*(?:,|$)')


class _Line(NamedTuple):
    indent: int
    text: str


def parse(text: str) -> Any:
    """The document as dicts, lists, strings, integers and booleans.

    Raises:
        ValueError: it is not plain, or a key stands twice.
    """
    if "\t" in text:
        raise ValueError("a tab")
    lines = []
    for raw in text.splitlines():
        content = raw.strip()
        if content and not content.startswith("#"):
            lines.append(_Line(len(raw) - len(raw.lstrip(" ")), content))
    value, end = _block(lines, 0, 0)
    if end != len(lines):
        raise ValueError(f"wrong indentation: {lines[end].text}")
    return value


def _block(lines: list[_Line], at: int, indent: int) -> tuple[Any, int]:
    if lines[at].text.startswith("- "):
        return _sequence(lines, at, indent)
    return _mapping(lines, at, indent)


def _sequence(lines: list[_Line], at: int, indent: int) -> tuple[list[Any], int]:
    items = []
    while at < len(lines) and lines[at].indent == indent and lines[at].text.startswith("- "):
        rest = lines[at].text[2:].lstrip()
        if _KEY.fullmatch(rest):
            # "- key: value" begins a mapping that goes on two columns further right.
            lines[at] = _Line(indent + 2, rest)
            item, at = _mapping(lines, at, indent + 2)
        else:
            item, at = _scalar(rest), at + 1
        items.append(item)
    return items, at


def _mapping(lines: list[_Line], at: int, indent: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while at < len(lines) and lines[at].indent == indent and not lines[at].text.startswith("- "):
        match = _KEY.fullmatch(lines[at].text)
        if match is None or match[1] in found:
            raise ValueError(f"not a key, or a second time: {lines[at].text}")
        if match[2]:
            found[match[1]], at = _scalar(match[2]), at + 1
        elif at + 1 < len(lines) and lines[at + 1].indent > indent:
            found[match[1]], at = _block(lines, at + 1, lines[at + 1].indent)
        else:
            found[match[1]], at = None, at + 1
    return found, at


def _scalar(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return _flow(text[1:-1])
    if text.startswith('"'):
        return json.loads(text)
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"0|[1-9]\d*", text):
        return int(text)
    # ": " would begin a mapping, and " #" a comment.
    if not _PLAIN.fullmatch(text) or ": " in text or text[-1] == ":" or _AMBIGUOUS.fullmatch(text):
        raise ValueError(f"not plain: {text}")
    return text


def _flow(text: str) -> list[Any]:
    items, at = [], 0
    while at < len(text):
        match = _FLOW_ITEM.match(text, at)
        if match is None:
            raise ValueError(f"not plain: [{text}]")
        items.append(_scalar(match[1]))
        at = match.end()
    return items
