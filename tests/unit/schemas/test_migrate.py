from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.migrate import list_migrations, split_statements


def test_migrations_are_numbered_from_one_without_a_gap() -> None:
    versions = [migration.version for migration in list_migrations()]
    assert versions == list(range(1, len(versions) + 1))


def test_a_script_is_split_at_its_semicolons() -> None:
    assert split_statements("SELECT 1;\n\nSELECT 2\n;") == ["SELECT 1", "SELECT 2"]


def test_semicolons_in_strings_and_names_do_not_split() -> None:
    script = r"""SELECT 'a;b', 'it''s;', 'back\';slash', "x;y", `p;q`; SELECT 2"""
    assert split_statements(script) == script.split("; ")


def test_comments_are_dropped_whatever_is_in_them() -> None:
    script = """
    -- it's a comment; with a semicolon
    SELECT 1 -- and 'another; one
    , 2 /* and ; a 'third
    over two lines */ , 3; -- the end;
    """
    assert [statement.split() for statement in split_statements(script)] == [
        ["SELECT", "1", ",", "2", ",", "3"]
    ]


def test_what_looks_like_a_comment_in_a_string_stays() -> None:
    assert split_statements("SELECT '--no;' ; SELECT '/* no */'") == [
        "SELECT '--no;'",
        "SELECT '/* no */'",
    ]


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_quoted_text_survives_splitting(texts: list[str]) -> None:
    literals = [text.replace("\\", "\\\\").replace("'", "\\'") for text in texts]
    statements = [f"SELECT '{literal}'" for literal in literals]
    assert split_statements(" ;-- x;\n".join(statements)) == statements
