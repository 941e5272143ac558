"""Golden examples: JSON Schema, fast decoder and strict decoder say the same of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from agents.metrics import DEAD_LETTER_REASONS
from schemas.events import Event
from schemas.jsonschema import schema_files
from schemas.topics import EVENT_TOPICS, TOPIC_OF_TYPE
from streams.decode import Decoder, Rejected

GOLDEN = Path(__file__).parents[3] / "schemas" / "golden"
VALID = sorted(GOLDEN.glob("*.json"))
INVALID = sorted((GOLDEN / "invalid").glob("*.json"))
SCHEMAS = {name: Draft202012Validator(json.loads(text)) for name, text in schema_files().items()}
DECODERS = {topic.name: Decoder(topic) for topic in EVENT_TOPICS}

#: These need more than the value itself: its key, its broker timestamp, or what came before.
FOUND_LATER = {"too_far_ahead", "wrong_key", "conflict"}
#: A JSON Schema cannot say these, so it lets such records pass.
BEYOND_SCHEMA = {"sum_mismatch", "unknown_currency"}
NOT_UNDERSTOOD = (msgspec.MsgspecError, TypeError, UnicodeDecodeError, RecursionError)


def name_of(path: Path) -> str:
    return path.stem


def test_every_event_type_has_a_golden_example() -> None:
    assert {path.stem.partition("-")[0] for path in VALID} == set(TOPIC_OF_TYPE)
    assert {path.stem for path in VALID} >= set(TOPIC_OF_TYPE)


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_golden_example_is_accepted_by_schema_and_both_decoders(path: Path) -> None:
    value = path.read_bytes()
    content = json.loads(value)
    tag = path.stem.partition("-")[0]
    assert content["type"] == tag

    SCHEMAS[f"{tag}.json"].validate(content)
    decoder = DECODERS[TOPIC_OF_TYPE[tag].name]
    strict = decoder.strict(value)
    assert isinstance(strict, Event)
    if "newer_producer" in path.stem:
        with pytest.raises(msgspec.ValidationError, match="unknown field"):
            decoder.fast(value)
    else:
        assert decoder.fast(value) == strict
    assert decoder([value]) == [strict]


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_golden_example_survives_encoding_and_decoding(path: Path) -> None:
    content = json.loads(path.read_bytes())
    decoder = DECODERS[TOPIC_OF_TYPE[content["type"]].name]
    event = decoder.strict(path.read_bytes())
    assert decoder.fast(msgspec.json.encode(event)) == event
    if "newer_producer" not in path.stem:
        assert json.loads(msgspec.json.encode(event)) == content


def test_every_reason_that_lies_in_the_record_has_an_example() -> None:
    reasons = {json.loads(path.read_bytes())["reason"] for path in INVALID}
    assert reasons == set(DEAD_LETTER_REASONS) - FOUND_LATER


def value_of(example: dict[str, Any]) -> bytes:
    text = str(example["text"]) if "text" in example else json.dumps(example["record"])
    return text.encode()


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_invalid_example_is_rejected_by_both_decoders_for_the_stated_reason(path: Path) -> None:
    example = json.loads(path.read_bytes())
    value = value_of(example)
    decoder = DECODERS[example["topic"]]

    strict = decoder.strict(value)
    assert isinstance(strict, Rejected)
    assert strict.reason == example["reason"]
    assert strict.detail
    assert decoder([value]) == [strict]
    try:
        fast = decoder.fast(value)
    except NOT_UNDERSTOOD:
        return  # It leaves such a record to the strict decoder.
    assert fast == strict


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_schema_refuses_an_invalid_example_unless_it_is_beyond_a_schema(path: Path) -> None:
    example = json.loads(path.read_bytes())
    topic = example["topic"]
    try:
        content = json.loads(value_of(example).decode(), parse_constant=int)
    except ValueError:
        assert example["reason"] in {"empty", "not_json"}
        return
    accepted = any(
        SCHEMAS[f"{tag}.json"].is_valid(content)
        for tag, carrier in TOPIC_OF_TYPE.items()
        if carrier.name == topic
    )
    # Python's parser is more lenient than JSON: only the decoder can refuse a lone surrogate.
    assert accepted == (example["reason"] in BEYOND_SCHEMA or path.stem == "lone_surrogate")
