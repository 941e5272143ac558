"""The numbered migrations of the store, read from ``schemas/migrations/NNNN_name.sql``.

Pure: it lists and splits; applying them is the business of ``agents/stores/``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
#: What can hide a semicolon, or is one. A doubled quote in a string reads as two strings, which
#: hide as much.
_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?\*/ )
    | (?P<quoted>  '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*` )
    | (?P<end>     ; )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Migration:
    """One file: statements to run in order, each of which may be run again without harm.

    Attributes:
        version: the number in the file's name; 1 for the first.
        name: the rest of the file's name, without the extension.
        statements: SQL without comments and without the final semicolons.
    """

    version: int
    name: str
    statements: tuple[str, ...]


def list_migrations() -> tuple[Migration, ...]:
    """All migrations, in the order in which they are to be applied.

    Raises:
        ValueError: a file is misnamed, or two have the same number.
    """
    found: dict[int, Migration] = {}
    for file in files("schemas").joinpath("migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        named = _FILE_NAME.fullmatch(file.name)
        if named is None:
            raise ValueError(f"{file.name}: a migration is named NNNN_name.sql")
        version = int(named[1])
        if version in found:
            raise ValueError(f"{file.name}: {found[version].name} has the same number")
        statements = tuple(split_statements(file.read_text(encoding="utf-8")))
        found[version] = Migration(version, named[2], statements)
    return tuple(found[version] for version in sorted(found))


def split_statements(sql: str) -> list[str]:
    """Split a script at its semicolons, but not at those in strings, names and comments.

    Comments are dropped: a server that stores a view's text need not store our remarks, and an
    apostrophe in one has already confused older parsers.
    """
    statements: list[str] = []
    current: list[str] = []
    position = 0
    for token in _TOKEN.finditer(sql):
        current.append(sql[position : token.start()])
        position = token.end()
        if token["quoted"]:
            current.append(token["quoted"])
        elif token["end"]:
            statements.append("".join(current))
            current = []
        else:
            current.append(" ")  # a comment separates words
    statements.append("".join([*current, sql[position:]]))
    return [cleaned for statement in statements if (cleaned := statement.strip())]
