"""The reader of plain YAML reads what YAML reads, and refuses what it does not understand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.deploy.plain_yaml import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: x\n", {"a": 1, "b": "x"}),
        ("# c\na:\n  b: true\n  c: 0.0.0.0\n", {"a": {"b": True, "c": "0.0.0.0"}}),
        ("a:\n  - b\n  - 2\n", {"a": ["b", 2]}),
        ("a:\n  - b: 1\n    c: 2\n  - b: 3\n", {"a": [{"b": 1, "c": 2}, {"b": 3}]}),
        ('a: ["CMD", "x, y", -c, 7]\n', {"a": ["CMD", "x, y", "-c", 7]}),
        ('a: "1: #x"\n', {"a": "1: #x"}),
        ("a:\nb: k://x:1,l://:2\n", {"a": None, "b": "k://x:1,l://:2"}),
        ("a:\n  - --x=1\n", {"a": ["--x=1"]}),
    ],
)
def test_plain_yaml_is_read(text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\n",
        "a: *x\n",
        "a: |\n  text\n",
        "a: 'x'\n",
        "a: {b: 1}\n",
        "a: b: c\n",
        "a: b # comment\n",
        "a: yes\n",
        "a: 1.10\n",
        "a: 22:22\n",
        "a: 007:1\n",
        "a: 1\na: 2\n",
        "a:\n\tb: 1\n",
        "a: 1\n  b: 2\n",
        "just words\n",
        '["unclosed\n',
        'a: ["b" c]\n',
    ],
)
def test_what_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)
