"""JSON Schemas of the events, generated from the classes: ``python -m schemas.jsonschema``.

One file per event type, ``schemas/json/<type>.json``, JSON Schema draft 2020-12. They are for
producers in other languages; a test holds them equal to the classes. Unknown fields are allowed,
as on the wire. What a schema cannot say is checked by the decoder: the lines of an order or a
refund sum to its amount, and the currency is in ISO 4217.
"""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.events import Event
from schemas.topics import EVENT_TOPICS

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
DIRECTORY: Final = Path(__file__).parent / "json"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of one event class, complete in itself."""
    _, components = msgspec.json.schema_components([event], ref_template="#/$defs/{name}")
    for component in components.values():
        # The classes forbid unknown fields only to choose a decoder; the wire allows them.
        component.pop("additionalProperties", None)
        component["description"] = cleandoc(component["description"])
    root = components.pop(event.__name__)
    # The version stands in the type of the field ``v``.
    version = root["properties"]["v"]["enum"][0]
    return {
        "$schema": _DRAFT,
        "$id": f"liveshop/{event.__struct_config__.tag}/v{version}",
        **root,
        **({"$defs": components} if components else {}),
    }


def schema_files() -> dict[str, bytes]:
    """File name → content, for every event type."""
    return {
        f"{event.__struct_config__.tag}.json": msgspec.json.format(
            msgspec.json.encode(schema_of(event)), indent=2
        )
        + b"\n"
        for topic in EVENT_TOPICS
        for event in topic.event_types
    }


def write_schemas(directory: Path = DIRECTORY) -> None:
    """Write every schema, and remove those of types that are gone.

    Raises:
        OSError: the directory cannot be written.
    """
    directory.mkdir(exist_ok=True)
    files = schema_files()
    for stale in directory.glob("*.json"):
        if stale.name not in files:
            stale.unlink()
    for name, content in files.items():
        (directory / name).write_bytes(content)


if __name__ == "__main__":
    write_schemas()
