"""Dead letters on a terminal, and mistakes with ``liveshop deadletters``; no server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveshop import cli
from liveshop.console import safe
from liveshop.deadletters import Place, Selection, hexdump
from schemas.errors import UsageError


@given(st.binary() | st.text())
def test_whatever_a_record_holds_only_printable_text_reaches_the_terminal(
    content: bytes | str,
) -> None:
    assert safe(content).isprintable()
    if isinstance(content, bytes):
        assert all(line.isascii() and line.isprintable() for line in hexdump(content))


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"plain \xe5\xa5\xbd", "plain 好"),
        (b"\x1b[2J\x07", r"\x1b[2J\x07"),
        (b"\xc2\x9b31m", r"\x9b31m"),
        (b"a\tb\r\n", r"a\tb\r\n"),
        (b"\xff\x00", r"\xff\x00"),
        ("\u202edesrever", r"\u202edesrever"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(content: bytes | str, shown: str) -> None:
    assert safe(content) == shown


def test_bytes_are_dumped_sixteen_a_line() -> None:
    lines = list(hexdump(b"0123456789abcdef\x1b\xff"))
    assert lines == [
        "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|",
        "00000010  1b ff                                            |..|",
    ]


def test_place_is_read_as_it_is_written() -> None:
    place = Place.parse("live.purchases/3/1729")
    assert place == Place("live.purchases", 3, 1729)
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize("text", ["", "live.likes", "live.likes/1", "live.likes/x/1", "a/1/-1"])
def test_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not the place of a record"):
        Place.parse(text)


def test_selection_of_nothing_stands_for_everything() -> None:
    assert Selection().params == {"topic": "", "reason": "", "limit": 2**62}


@pytest.mark.parametrize(
    ("line", "sentence", "hint"),
    [
        ("--list --group", "contradict each other", "Give one"),
        ("--show live.likes", "live.likes is not the place of a record", "TOPIC/PARTITION/OFFSET"),
        ("--topic live.like", "There is no topic live.like", "Did you mean live.likes?"),
        ("--reason json", "There is no reason json", "Did you mean not_json?"),
        ("--reason xyz", "There is no reason xyz", "not_json, not_an_event"),
        ("--limit 0", "--limit cannot be 0", "above 0"),
        ("--store chdb:///nowhere/at/all", "There is no store", "--store"),
    ],
)
def test_mistake_ends_in_a_sentence_and_a_hint(
    line: str, sentence: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["deadletters", *line.split()]) == 1
    said = capsys.readouterr()
    assert not said.out
    assert sentence in said.err
    assert hint in said.err
