"""The committed JSON Schemas are those of the classes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from schemas.jsonschema import DIRECTORY, schema_files, write_schemas
from schemas.topics import TOPIC_OF_TYPE


def test_committed_schemas_are_what_the_generator_writes() -> None:
    committed = {path.name: path.read_bytes() for path in DIRECTORY.iterdir()}
    assert committed == schema_files(), "run: python -m schemas.jsonschema"


def test_every_event_type_has_a_schema() -> None:
    assert set(schema_files()) == {f"{tag}.json" for tag in TOPIC_OF_TYPE}


def test_writing_removes_the_schema_of_a_type_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "gift_sent.json").write_text("{}")
    write_schemas(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(schema_files())


@pytest.mark.parametrize("name", sorted(schema_files()))
def test_schema_is_valid_draft_2020_12_and_allows_unknown_fields(name: str) -> None:
    content = schema_files()[name]
    schema = json.loads(content)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"liveshop/{name.removesuffix('.json')}/v1"
    assert b"additionalProperties" not in content
