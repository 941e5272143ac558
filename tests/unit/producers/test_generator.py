from __future__ import annotations

from collections import Counter, defaultdict
from itertools import islice

import pytest

from producers.garbage import MAKERS, Sound
from producers.generator import Show
from producers.profile_files import load_profile
from producers.record import Kind, OutRecord
from producers.recount import read_event
from schemas import topics
from schemas.errors import UsageError
from tests.unit.producers.shows import (
    NO_NOISE,
    PROFILES,
    cut_ms,
    decoded,
    is_sound,
    small_show,
)


def sent(show: Show, until_ms: int | None = None) -> list[OutRecord]:
    return list(show.records(cut_ms(show) if until_ms is None else until_ms))


@pytest.mark.parametrize("name", PROFILES)
def test_the_same_seed_sends_the_same_bytes_in_the_same_order(name: str) -> None:
    assert sent(small_show(name)) == sent(small_show(name))


def test_a_show_can_be_taken_again_and_in_parts() -> None:
    show = small_show("boutique")
    whole = sent(show)
    first, second = show.records(cut_ms(show)), show.records(cut_ms(show))
    for _ in range(50):
        assert list(islice(first, 20)) == list(islice(second, 20))
    assert [*islice(show.records(cut_ms(show)), 1000)] == whole[:1000]


@pytest.mark.parametrize(
    "other",
    [
        small_show("boutique", seed=2),
        small_show("boutique", scale=0.051),
        Show(load_profile("boutique"), seed=1, scale=0.05, start_ms=1_781_715_600_001),
    ],
    ids=["seed", "scale", "start"],
)
def test_another_show_shares_no_identifier(other: Show) -> None:
    mine = {str(r.event["event_id"]) for r in sent(small_show("boutique")) if r.event}
    theirs = {str(r.event["event_id"]) for r in sent(other) if r.event}
    assert not mine & theirs


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("part", [0.1, 0.37, 0.8])
def test_a_shorter_run_sends_the_same_records_up_to_its_end(name: str, part: float) -> None:
    show = small_show(name)
    until_ms = show.start_ms + round((cut_ms(show) - show.start_ms) * part)
    shorter, longer = sent(show, until_ms), sent(show)
    before_the_end = [record for record in shorter if record.due_ms < until_ms]
    assert len(before_the_end) > 100
    assert before_the_end == [record for record in longer if record.due_ms < until_ms]


@pytest.mark.parametrize("name", PROFILES)
def test_records_come_in_the_order_in_which_they_are_due(name: str) -> None:
    show = small_show(name)
    due_ms = [record.due_ms for record in sent(show)]
    assert due_ms == sorted(due_ms)
    assert show.start_ms <= due_ms[0]
    assert due_ms[-1] == cut_ms(show)


@pytest.mark.parametrize("name", PROFILES)
def test_nothing_happens_after_the_end_and_what_was_held_back_is_still_sent(name: str) -> None:
    show = small_show(name, late=1.0)
    records = sent(show)
    occurred_ms = [record.event["occurred_at_ms"] for record in records if record.event]
    assert max(occurred_ms) == cut_ms(show)
    late = [record for record in records if record.kind is Kind.LATE]
    # With every event held back for at least a minute, those of the last minute are all pending.
    assert any(
        record.event["occurred_at_ms"] > cut_ms(show) - 60_000 for record in late if record.event
    )
    punctual = sent(small_show(name, late=0.0))
    assert _distinct(records) == _distinct(punctual)


def _distinct(records: list[OutRecord]) -> set[bytes]:
    return {r.value for r in records if r.kind in {Kind.EVENT, Kind.LATE, Kind.DUPLICATE}}


@pytest.mark.parametrize("name", PROFILES)
def test_every_readable_record_fits_its_class_and_no_other_does(name: str) -> None:
    for record in sent(small_show(name, unreadable=0.05)):
        if record.kind is Kind.UNREADABLE:
            assert record.event is None
            event = decoded(record)
            assert event is None or not is_sound(event)
            assert read_event(record.topic, record.value) is None
        else:
            event = decoded(record)
            assert event is not None
            assert is_sound(event)
            assert read_event(record.topic, record.value) == record.event


@pytest.mark.parametrize("maker", MAKERS, ids=[name for name, _topic, _make in MAKERS])
def test_each_kind_of_garbage_cannot_be_read_on_its_topic(maker: object) -> None:
    _name, topic, make = MAKERS[[m is maker for m in MAKERS].index(True)]
    value = make(Sound("room", 1_781_715_600_000, "x-1"))
    record = OutRecord(0, topic, b"room", value, Kind.UNREADABLE, None)
    event = decoded(record)
    assert event is None or not is_sound(event)
    assert read_event(topic, value) is None


def test_what_garbage_is_made_from_can_be_read() -> None:
    sound = Sound("room", 1_781_715_600_000, "x-1")
    import orjson

    for event in (sound.order(), sound.click(), sound.chat(), sound.likes(), sound.marker()):
        topic = topics.TOPIC_OF_TYPE[event["type"]].name
        assert read_event(topic, orjson.dumps(event)) == event


def test_all_kinds_of_garbage_turn_up() -> None:
    values = [r.value for r in sent(small_show("xinba-12h", unreadable=0.2)) if r.event is None]
    assert len(values) > 500
    assert b"" in values
    assert any(b"NaN" in value for value in values)
    assert any(b'"ZZZ"' in value for value in values)
    assert any(b"\xe9" in value and b"caf" in value for value in values)


@pytest.mark.parametrize("name", PROFILES)
def test_without_noise_every_event_is_sent_once_when_it_happens(name: str) -> None:
    records = sent(small_show(name, **NO_NOISE))
    assert {record.kind for record in records} == {Kind.EVENT}
    ids = [record.event["event_id"] for record in records if record.event]
    assert len(set(ids)) == len(ids) == len(records)
    assert all(r.event is not None and r.due_ms == r.event["occurred_at_ms"] for r in records)


@pytest.mark.parametrize(
    ("knob", "kind"),
    [("duplicates", Kind.DUPLICATE), ("late", Kind.LATE), ("unreadable", Kind.UNREADABLE)],
)
def test_a_knob_sets_the_share_of_its_records(knob: str, kind: Kind) -> None:
    records = sent(small_show("xinba-12h", **{**NO_NOISE, knob: 0.1}))
    kinds = Counter(record.kind for record in records)
    events = kinds[Kind.EVENT] + kinds[Kind.LATE]
    assert 0.08 < kinds[kind] / events < 0.12
    assert set(kinds) <= {Kind.EVENT, kind}


def test_disorder_moves_records_and_holds_none_back_for_longer_than_asked() -> None:
    records = sent(small_show("xinba-12h", **{**NO_NOISE, "disorder_ms": 4_000}))
    delays = [r.due_ms - r.event["occurred_at_ms"] for r in records if r.event]
    assert 3_000 < max(delays) <= 4_000
    occurred = [r.event["occurred_at_ms"] for r in records if r.event]
    assert occurred != sorted(occurred)


def test_facts_about_rooms_are_never_late() -> None:
    for record in sent(small_show("boutique", late=0.9)):
        assert not (record.topic == topics.ROOMS.name and record.kind is Kind.LATE)


@pytest.mark.parametrize("delay_ms", [(0, 0), (200, 30_000)])
@pytest.mark.parametrize("name", PROFILES)
def test_a_copy_comes_after_its_original_and_has_the_same_bytes(
    name: str, delay_ms: tuple[int, int]
) -> None:
    seen: set[tuple[bytes, bytes]] = set()
    copies = 0
    for record in sent(small_show(name, duplicates=0.2, duplicate_delay_ms=delay_ms)):
        if record.kind is Kind.DUPLICATE:
            assert (record.key, record.value) in seen
            copies += 1
        seen.add((record.key, record.value))
    assert copies > 100


@pytest.mark.parametrize("name", PROFILES)
def test_each_step_of_a_person_follows_the_one_it_needs(name: str) -> None:
    show = small_show(name, **NO_NOISE)
    inside: Counter[tuple[str, str]] = Counter()
    shown: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    clicked: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    carted: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    paid: dict[str, dict[str, object]] = {}
    refunds = cancelled = 0
    for record in sent(show):
        event = record.event
        assert event is not None
        if "user_id" not in event:
            continue
        who = (event["room_id"], event["user_id"])
        kind = event["type"]
        if kind == "viewer_entered":
            inside[who] += 1
        elif kind == "viewer_left":
            inside[who] -= 1
            assert inside[who] >= 0
        elif kind == "order_refunded":
            order = paid[event["order_id"]]
            for field in ("user_id", "room_id", "kol_id", "currency", "promo", "attribution"):
                assert event[field] == order[field]
            assert event["amount_minor"] <= int(str(order["paid_minor"]))
            refunds += 1
        else:
            assert inside[who] > 0, kind
            if kind == "product_shown":
                shown[who].add(event["product_id"])
            elif kind == "product_clicked":
                assert event["product_id"] in shown[who]
                clicked[who].add(event["product_id"])
            elif kind == "cart_added":
                assert event["product_id"] in clicked[who]
                carted[who].add(event["product_id"])
            elif kind == "order_paid":
                assert event["lines"][0]["product_id"] in carted[who]
                paid[event["order_id"]] = event
            elif kind == "order_cancelled":
                assert event["order_id"] not in paid
                cancelled += 1
    assert len(paid) > 20
    assert cancelled > 0
    assert refunds > 0
    # When a run ends, everybody leaves.
    assert not +inside


@pytest.mark.parametrize("name", PROFILES)
def test_facts_about_rooms_have_keys_that_compaction_keeps_apart(name: str) -> None:
    facts = [r for r in sent(small_show(name)) if r.topic == topics.ROOMS.name]
    latest = {record.key: record.value for record in facts}
    assert set(latest.values()) == {record.value for record in facts}


@pytest.mark.parametrize("name", PROFILES)
def test_other_records_are_keyed_by_their_room(name: str) -> None:
    for record in sent(small_show(name)):
        if record.topic != topics.ROOMS.name and record.event is not None:
            assert record.key == record.event["room_id"].encode()


@pytest.mark.parametrize("name", PROFILES)
def test_every_room_that_starts_also_ends_at_the_cut_or_before(name: str) -> None:
    show = small_show(name, **NO_NOISE)
    records = sent(show, show.start_ms + 4 * 60_000)
    types = Counter((r.event["room_id"], r.event["type"]) for r in records if r.event)
    started = {room for room, kind in types if kind == "room_started"}
    assert started
    assert all(types[room, "room_ended"] == 1 for room in started)
    assert records[-1].event is not None
    assert records[-1].event["type"] == "room_ended"


def test_views_after_a_room_has_ended_are_replays() -> None:
    show = small_show("boutique", **NO_NOISE)
    ended: dict[str, int] = {}
    modes: Counter[str] = Counter()
    for record in show.records():
        event = record.event
        assert event is not None
        if event["type"] == "room_ended":
            ended[event["room_id"]] = event["occurred_at_ms"]
        if event["type"] == "viewer_entered":
            modes[event["mode"]] += 1
            assert (event["mode"] == "replay") == (event["room_id"] in ended)
    assert modes["replay"] > 20
    assert modes["live"] > modes["replay"]


def test_a_drop_makes_views_surge_and_flash_orders_cheaper() -> None:
    show = small_show("flash-drop", scale=0.2, **NO_NOISE)
    drop_ms = show.start_ms + 60_000
    views: Counter[bool] = Counter()
    for record in show.records(drop_ms + 10_000):
        event = record.event
        if (
            event
            and event["type"] == "viewer_entered"
            and event["occurred_at_ms"] > drop_ms - 10_000
        ):
            views[event["occurred_at_ms"] >= drop_ms] += 1
    assert views[True] > 10 * views[False]
    flash = [
        r.event
        for r in show.records()
        if r.event and r.event["type"] == "order_paid" and r.event["promo"] == "flash"
    ]
    assert len(flash) > 50
    assert any(order["discount_minor"] > 0 for order in flash)


def test_list_prices_end_in_nine_and_the_cross_border_room_sells_in_dollars() -> None:
    show = small_show("xinba-12h")
    currencies = set()
    for record in show.records(show.start_ms + 60_000):
        event = record.event
        if event and event["type"] == "product_listed":
            assert event["price_minor"] % 10 == 9
        if event and event["type"] == "room_started":
            currencies.add((event["room_id"], event["currency"]))
    assert ("xinba-global", "USD") in currencies
    assert ("xinba-main", "CNY") in currencies
    assert len(currencies) == 8


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"seed": -1}, "seed"),
        ({"scale": 0.0}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"start_ms": 5}, "start"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, int], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Show(load_profile("boutique"), **wrong)


@pytest.mark.parametrize("name", PROFILES)
def test_a_minute_of_wall_time_at_the_default_speed_has_the_promised_size(name: str) -> None:
    # A tenth of the scale keeps the test quick; rates are linear in it.
    show = small_show(name, scale=0.1, **NO_NOISE)
    until_ms = show.start_ms + round(60_000 * show.default_speed)
    types = Counter(r.event["type"] for r in show.records(until_ms) if r.event)
    # `chaos` is made of purchases; the others are shows.
    assert 100 < types["order_paid"] < (20_000 if name == "chaos" else 1_000)
    assert types["order_refunded"] > 5
    if name == "xinba-12h":
        assert 200 < types.total() / 60 < 1_000
