from __future__ import annotations

from collections import defaultdict

import pytest

from producers.keys import record_key, spread_key
from producers.partitioning import partition_of
from producers.publisher import Publisher
from schemas.errors import UsageError
from tests.unit.producers.shows import cut_ms, small_show


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ({"type": "room_started"}, b"room:room_started"),
        ({"type": "room_ended"}, b"room:room_ended"),
        ({"type": "product_listed", "product_id": "p-1"}, b"room:product_listed:p-1"),
        ({"type": "product_pinned", "product_id": "p-1"}, b"room:e-1"),
        ({"type": "order_paid"}, b"room"),
        ({"type": "viewer_entered"}, b"room"),
    ],
)
def test_a_key_names_the_room_and_in_the_compacted_topic_the_fact(
    event: dict[str, str], key: bytes
) -> None:
    assert record_key({"room_id": "room", "event_id": "e-1", **event}) == key


@pytest.mark.parametrize(
    ("key", "murmur2"),
    # From the tests of Kafka's Java client, UtilsTest.testMurmur2.
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_a_key_goes_to_the_partition_that_kafka_s_clients_choose(key: bytes, murmur2: int) -> None:
    assert partition_of(key, 1000) == (murmur2 & 0x7FFFFFFF) % 1000


def test_a_spread_room_keeps_a_person_s_orders_and_refunds_together() -> None:
    show = small_show("flash-drop", scale=0.2, duplicates=0.1)
    keys_of_order: defaultdict[str, set[bytes]] = defaultdict(set)
    keys: set[bytes] = set()
    for record in show.records(cut_ms(show)):
        if record.event and "order_id" in record.event:
            key = spread_key(record.key, record.event, 8)
            keys_of_order[record.event["order_id"]].add(key)
            keys.add(key)
    assert len(keys_of_order) > 100
    assert all(len(keys) == 1 for keys in keys_of_order.values())
    assert len({key for key in keys if key.startswith(b"tods-mini-program#")}) == 8


def test_facts_about_a_spread_room_and_garbage_keep_their_key() -> None:
    assert spread_key(b"room:room_started", {"type": "room_started"}, 8) == b"room:room_started"
    assert spread_key(b"room", None, 8) == b"room"


@pytest.mark.parametrize("spread", [0, -1, 1_001])
async def test_a_room_cannot_be_spread_over_no_or_too_many_keys(spread: int) -> None:
    with pytest.raises(UsageError, match=str(spread)):
        Publisher("127.0.0.1:1", spread=spread)
