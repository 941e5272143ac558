"""The corpus: every kind of bad or odd input that is known, and what must become of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from schemas import topics
from schemas.events import MAX_AMOUNT_MINOR
from tests.corpus.kind import DUPLICATE, FOLDED, Kind, Sent
from tests.corpus.sound import Fields, Sound, dumps

_DAY_MS: Final = 86_400_000
_2021_MS: Final = 1_609_459_200_000
_TWO_MB: Final = 2 * 1024 * 1024
_PROLIFIC: Final = "💥" * 64


def corpus(now_ms: int) -> tuple[Kind, ...]:
    """All kinds, in an order of their own.

    Args:
        now_ms: about the moment at which the records are appended, epoch milliseconds.
    """
    return (
        *_no_event(now_ms),
        *_wrong_fields(now_ms),
        *_numbers(now_ms),
        *_text(now_ms),
        *_times(now_ms),
        *_contract(now_ms),
        *_keys(now_ms),
        *_again(now_ms),
        *_refunds(now_ms),
        *_huge(now_ms),
    )


def _likes(name: str, fate: str, *values: bytes | None, why: str = "") -> Kind:
    return Kind(name, topics.LIKES, tuple(Sent(value, fate) for value in values), why)


def _chats(name: str, fate: str, *values: bytes, why: str = "") -> Kind:
    return Kind(name, topics.CHAT, tuple(Sent(value, fate) for value in values), why)


def _sales(name: str, fate: str, *values: bytes, why: str = "", gmv_minor: int = 0) -> Kind:
    return Kind(
        name, topics.PURCHASES, tuple(Sent(value, fate) for value in values), why, gmv_minor
    )


def _put(event: Fields, field: str, raw: bytes) -> bytes:
    """The event with the raw JSON of one field replaced."""
    marker = b'"\x7f"'
    return dumps({**event, field: "\x7f"}).replace(marker, raw)


# --- not an event -----------------------------------------------------------------------------


def _no_event(now_ms: int) -> Iterator[Kind]:
    like = dumps(Sound("no-event", now_ms).like())
    order = dumps(Sound("cut", now_ms).order(600, 400))
    yield _likes("no value (a tombstone)", "empty", None)
    yield _likes("an empty value", "empty", b"")
    yield _likes("whitespace only", "not_json", b" ", b"\n", b" \t\r\n ")
    yield _likes(
        "not JSON", "not_json", b"GET / HTTP/1.1\r\n\r\n", b"{'a': 1}", b"\x89PNG\r\n\x1a\n"
    )
    yield _sales(
        "an order cut off, at every seventh byte",
        "not_json",
        *(order[:length] for length in range(1, len(order), 7)),
    )
    yield _likes("an event and more behind it", "not_json", like + b"x", like + like, like + b"\0")
    yield _likes("a byte order mark", "not_json", b"\xef\xbb\xbf" + like)
    yield _likes("UTF-16", "not_json", like.decode().encode("utf-16"))
    yield _likes("gzip", "not_json", b"\x1f\x8b\x08\x00" + like)
    yield _likes(
        "the header of a schema registry", "not_json", b"\x00\x00\x00\x00\x07" + like,
        why="the bytes before the JSON are not ours",
    )  # fmt: skip
    yield _likes("NUL bytes", "not_json", b"\0", b"\0" * 1_000, b"\0" + like)
    yield _likes("a scalar", "not_an_event", b"0", b"-1.5e3", b"true", b"null", b'"likes_sent"')
    yield _likes("an array", "not_an_event", b"[]", b"[" + like + b"]")
    yield _likes("an object without a type", "not_an_event", b"{}", b'{"v":1}')
    yield _likes(
        "a type that is no text", "not_an_event", b'{"type":7}', b'{"type":["likes_sent"]}'
    )
    yield _likes("100,000 levels of arrays", "not_json", b"[" * 100_000 + b"]" * 100_000)
    yield _likes("100,000 levels that never end", "not_json", b"[" * 100_000, b'{"a":' * 100_000)
    yield _likes(
        "100,000 levels in an unknown field",
        "not_json",
        _put(Sound("deep", now_ms).like(), "x", b"[" * 100_000 + b"]" * 100_000),
        why="nothing reads that deep; about 1,000 levels are read",
    )


# --- fields -----------------------------------------------------------------------------------


def _wrong_fields(now_ms: int) -> Iterator[Kind]:
    for event in (Sound("field", now_ms).order(), Sound("field", now_ms).enter()):
        topic = topics.TOPIC_OF_TYPE[event["type"]]
        spoiled: tuple[tuple[str, Any], ...] = (
            ("of another type", lambda value: 7 if isinstance(value, str) else "7"),
            ("null", lambda _: None),
            ("an object", lambda _: {"a": 1}),
        )
        names = [name for name in event if name != "type"]
        for what, spoil in spoiled:
            records = [dumps({**event, name: spoil(event[name])}) for name in names]
            yield Kind(
                f"`{event['type']}`: every field {what}",
                topic,
                tuple(Sent(record, "invalid_field") for record in records),
            )
        without = [{k: v for k, v in event.items() if k != name} for name in names]
        yield Kind(
            f"`{event['type']}`: every field missing",
            topic,
            tuple(Sent(dumps(one), "invalid_field") for one in without),
        )
    sound = Sound("newer", now_ms)
    line = {**sound.order()["lines"][0], "gift": True}
    yield _sales(
        "unknown fields",
        FOLDED,
        dumps({**sound.order(), "device": {"os": "ios", "tags": [1, None]}, "lines": [line]}),
        why="a newer producer must not break an older worker",
        gmv_minor=1_000,
    )
    yield _likes(
        "a key twice",
        FOLDED,
        dumps(Sound("twice", now_ms).like()).replace(b'"count":3', b'"count":"x","count":3'),
        why="the last one counts, as in nearly every JSON parser",
    )
    yield _sales(
        "an amount twice, only the last one right",
        FOLDED,
        dumps(Sound("paid-twice", now_ms).order()).replace(
            b'"discount_minor"', b'"paid_minor":1,"paid_minor":1000,"discount_minor"'
        ),
        why="as above; the lines still have to add up",
        gmv_minor=1_000,
    )
    order = Sound("lines", now_ms).order
    yield _sales("an order of no lines", "invalid_field", dumps(order(lines=[], paid_minor=0)))
    yield _sales("an order of 101 lines", "invalid_field", dumps(order(*[1] * 101)))
    yield _sales(
        "an order of 100 lines",
        FOLDED,
        dumps(Sound("hundred", now_ms).order(*[1] * 100)),
        gmv_minor=100,
    )
    yield _sales(
        "lines that are none", "invalid_field", dumps(order(lines=[None])), dumps(order(lines=[[]]))
    )
    for what, fields in (("promo", {"promo": "gift"}), ("attribution", {"attribution": "tv"})):
        yield _sales(f"an unknown {what}", "invalid_field", dumps(order(**fields)))


# --- numbers ----------------------------------------------------------------------------------


def _numbers(now_ms: int) -> Iterator[Kind]:
    sound = Sound("number", now_ms)
    yield _sales(
        "NaN and infinity",
        "not_json",
        *(_put(sound.order(), "paid_minor", raw) for raw in (b"NaN", b"Infinity", b"-Infinity")),
        why="JSON has no such numbers",
    )
    yield _sales(
        "1e400",
        "not_json",
        _put(sound.order(), "paid_minor", b"1e400"),
        _put(sound.order(), "x", b"1e400"),
        why="no number of ours is that large, in no field",
    )
    yield _sales(
        "an integer beyond 64 bits",
        "invalid_field",
        *(_put(sound.order(), "paid_minor", b"%d" % n) for n in (2**63, 2**64, -(2**63) - 1)),
    )
    yield _sales(
        "a float for money",
        "invalid_field",
        *(_put(sound.order(), "paid_minor", raw) for raw in (b"10.5", b"1000.0", b"1e3")),
        why="money is an integer; a float is refused even where it has no fraction",
    )
    yield _sales("text for money", "invalid_field", _put(sound.order(), "paid_minor", b'"1000"'))
    yield _sales("a number with leading zeros", "not_json", _put(sound.order(), "v", b"01"))
    yield _sales(
        "a negative amount",
        "invalid_field",
        dumps(sound.order(-1_000)),
        dumps(sound.order(paid_minor=-1_000)),
        dumps(sound.order(discount_minor=-1)),
        dumps(sound.refund(-1_000)),
        why="what goes back is a refund",
    )
    yield _sales(
        "an order of nothing",
        FOLDED,
        dumps(Sound("free", now_ms).order(0)),
        why="paid with points, for example: it is an order, and adds 0 to GMV",
    )
    yield _sales("a refund of nothing", "invalid_field", dumps(sound.refund(0)))
    yield _sales(
        "the largest amount",
        FOLDED,
        dumps(Sound("largest", now_ms).order(MAX_AMOUNT_MINOR)),
        gmv_minor=MAX_AMOUNT_MINOR,
    )
    yield _sales(
        "one more than the largest amount",
        "invalid_field",
        dumps(sound.order(MAX_AMOUNT_MINOR + 1)),
        dumps(sound.order(MAX_AMOUNT_MINOR, 1)),
    )
    yield _sales(
        "lines that do not add up",
        "sum_mismatch",
        dumps(sound.order(600, 400, paid_minor=999)),
        dumps(sound.refund(amount_minor=1_001)),
    )
    none_bought = {**sound.order()["lines"][0], "quantity": 0}
    yield _sales("quantity 0 in an order", "invalid_field", dumps(sound.order(lines=[none_bought])))
    yield Kind(
        "quantity 0 in a cart",
        topics.TRAFFIC,
        (Sent(dumps(sound.cart(quantity=0)), "invalid_field"),),
    )
    yield _likes(
        "no likes", "invalid_field", dumps(sound.like(count=0)), dumps(sound.like(count=-3))
    )
    yield _likes("the most likes", FOLDED, dumps(Sound("most-likes", now_ms).like(count=100_000)))
    yield _likes("too many likes", "invalid_field", dumps(sound.like(count=100_001)),
                 dumps(sound.like(count=2**63 - 1)))  # fmt: skip
    yield _likes("true for a number", "invalid_field", _put(sound.like(), "count", b"true"))


# --- text -------------------------------------------------------------------------------------


def _text(now_ms: int) -> Iterator[Kind]:
    chat = dumps(Sound("text", now_ms).chat())
    yield _chats(
        "invalid UTF-8",
        "not_json",
        *(chat.replace(b"hello", raw) for raw in (b"caf\xe9", b"\xc0\x80", b"\xf4\x90\x80\x80")),
    )
    yield _chats(
        "a lone surrogate",
        "not_json",
        chat.replace(b"hello", rb"\ud83d"),
        chat.replace(b"hello", b"\xed\xa0\xbd"),
        why="no text at all; it could not be stored as UTF-8",
    )
    yield _chats(
        "a control character that is not escaped",
        "not_json",
        *(chat.replace(b"hello", raw) for raw in (b"\0", b"\n", b"\x1b[2J")),
    )
    hostile = {
        "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "sql": "'); DROP TABLE ledger; --",
        "escape": "\x1b[2J\x1b]0;owned\x07\r\b",
        "nul": "a\0b",
        "direction": "\u202e\u200b\ufeff\u2028",
        "emoji": "👩‍👩‍👧‍👦🏳️‍🌈",
        "format": "%s %(x)s {0} {{x}} $HOME `id`",
        "empty": "",
        "longest": "長" * 2_000,
    }
    for name, text in hostile.items():
        yield _chats(
            f"a chat text: {name}",
            FOLDED,
            dumps(Sound(f"chat-{name}", now_ms).chat(text)),
            why="text stays text, on every page and in every report",
        )
    yield _chats(
        "a chat text that is too long", "invalid_field", dumps(Sound("x", now_ms).chat("x" * 2_001))
    )
    odd_ids = {
        "quotes and backslashes": "'\"`\\",
        "a newline and a tab": "a\nb\tc",
        "emoji, the longest id": _PROLIFIC,
        "markup": "<script>alert(1)</script>",
        "SQL": "1' OR '1'='1",
        "NUL": "a\0b",
        "a terminal escape": "\x1b[31mred\x1b[0m",
        "a path": "../../etc/passwd",
        "a formula": "=HYPERLINK(1)",
    }
    for number, (name, text) in enumerate(odd_ids.items()):
        event = Sound(f"id-{number}", now_ms).order(10)
        lines = [{**event["lines"][0], "product_id": text, "sku_id": text}]
        yield _sales(
            f"ids with {name}",
            FOLDED,
            dumps({**event, "order_id": text, "user_id": text, "kol_id": text, "lines": lines}),
            why="an id is any text of 1 to 64 characters",
            gmv_minor=10,
        )
    sound = Sound("odd-id", now_ms)
    ids = ("event_id", "room_id", "user_id", "order_id", "kol_id")
    yield _sales("an empty id", "invalid_field", *(dumps({**sound.order(), i: ""}) for i in ids))
    yield _sales(
        "an id of 65 characters",
        "invalid_field",
        *(dumps({**sound.order(), i: "x" * 65}) for i in ids),
    )
    yield Kind(
        "markup in a show's title",
        topics.ROOMS,
        (
            Sent(
                dumps(Sound("title", now_ms).started(title="<b>&\"'\x1b[2J</b>", brand="'); --")),
                FOLDED,
                b"corpus:room_started",
            ),
        ),
        why="as for a chat text",
    )


# --- times ------------------------------------------------------------------------------------


def _times(now_ms: int) -> Iterator[Kind]:
    sound = Sound("time", now_ms)
    for what, at_ms in (
        ("1970", 0),
        ("before 1970", -1),
        ("2019, too early", 1_577_836_799_999),
        ("seconds for milliseconds", now_ms // 1_000),
        ("microseconds for milliseconds", now_ms * 1_000),
        ("the year 2100", 4_102_444_800_000),
        ("the year 292278994", 2**63 - 1),
    ):
        yield _sales(
            f"a time: {what}", "invalid_field", dumps({**sound.order(), "occurred_at_ms": at_ms})
        )
    yield _likes(
        "a time as text",
        "invalid_field",
        dumps(sound.like(occurred_at_ms="2026-06-18T12:00:00Z")),
        dumps(sound.like(occurred_at_ms=str(now_ms))),
    )
    yield _sales(
        "a time a day ahead of the broker's",
        "too_far_ahead",
        dumps(Sound("ahead", now_ms + _DAY_MS).order()),
        dumps(Sound("ahead-2099", 4_102_444_799_999).order()),
        why="one wrong clock must not close everybody's windows",
    )
    yield _likes(
        "a time years ago",
        FOLDED,
        dumps(Sound("years-ago", _2021_MS).like()),
        why="late, however late, is folded into its true window and counted as late",
    )


# --- the contract -----------------------------------------------------------------------------


def _contract(now_ms: int) -> Iterator[Kind]:
    sound = Sound("contract", now_ms)
    yield _likes("an unknown type", "unknown_type", dumps(sound.like(type="likes_taken")),
                 dumps(sound.like(type="")), dumps(sound.like(type="LIKES_SENT")),
                 dumps(sound.like(type="\x1b[2J" * 50)))  # fmt: skip
    yield _likes(
        "an unknown version",
        "unknown_version",
        *(dumps(sound.like(v=v)) for v in (2, 0, -1, 2**63 - 1)),
        why="a newer worker may read it: `liveshop deadletters --replay`",
    )
    yield _likes(
        "a version that is no integer",
        "invalid_field",
        *(_put(sound.like(), "v", raw) for raw in (b'"1"', b"1.0", b"true", b"null", b"[1]")),
    )
    yield _likes(
        "an event of another topic", "wrong_topic", dumps(sound.chat()), dumps(sound.order())
    )
    yield Kind(
        "a chat message among the shows", topics.ROOMS, (Sent(dumps(sound.chat()), "wrong_topic"),)
    )
    yield _sales("a currency that does not exist", "unknown_currency",
                 *(dumps(sound.order(currency=code)) for code in ("ZZZ", "AAA")))  # fmt: skip
    yield _sales(
        "a currency that is no code",
        "invalid_field",
        *(dumps(sound.order(currency=code)) for code in ("isk", "Isk", "", "€", "EURO", " EUR")),
        why="codes are three capitals; guessing is not for money",
    )


# --- keys -------------------------------------------------------------------------------------


def _keys(now_ms: int) -> Iterator[Kind]:
    order = dumps(Sound("wrong-key", now_ms).order())
    yield Kind(
        "a key of another room",
        topics.PURCHASES,
        tuple(
            Sent(order, "wrong_key", key)
            for key in (b"other", b"corpus2", b"corpu", b"Corpus", b"corpus-1#3", b"\xff\0\x1b[2J")
        ),
        why="it stands in a partition where nobody looks for its copy",
    )
    yield Kind(
        "no key",
        topics.LIKES,
        (
            Sent(dumps(Sound("key-none", now_ms).like()), FOLDED, None),
            Sent(dumps(Sound("key-empty", now_ms).like()), FOLDED, b""),
        ),
        why="the producer chose the partition; a copy comes to the same one if it does so again",
    )
    yield Kind(
        "a key of the room and a shard or a fact",
        topics.LIKES,
        (
            Sent(dumps(Sound("key-shard", now_ms).like()), FOLDED, b"corpus#17"),
            Sent(dumps(Sound("key-fact", now_ms).like()), FOLDED, b"corpus:fact"),
        ),
        why="that is how hot rooms are spread, and facts kept under compaction",
    )


# --- once more --------------------------------------------------------------------------------


def _again(now_ms: int) -> Iterator[Kind]:
    order = Sound("again", now_ms).order()
    yield Kind(
        "the same order again, exactly",
        topics.PURCHASES,
        (Sent(dumps(order), FOLDED), Sent(dumps(order), DUPLICATE), Sent(dumps(order), DUPLICATE)),
        gmv_minor=1_000,
    )
    retried = Sound("retried", now_ms).order()
    yield Kind(
        "the same order with a new event id and time",
        topics.PURCHASES,
        (
            Sent(dumps(retried), FOLDED),
            Sent(
                dumps({**retried, "event_id": "e-retry", "occurred_at_ms": now_ms + 1}), DUPLICATE
            ),
        ),
        why="a client that retries may give it new ones; what was bought is the same",
        gmv_minor=1_000,
    )
    conflict = Sound("conflict", now_ms).order
    yield Kind(
        "the same order id with another amount, buyer or currency",
        topics.PURCHASES,
        (
            Sent(dumps(conflict()), FOLDED),
            Sent(dumps(conflict(2_000)), "conflict"),
            Sent(dumps(conflict(user_id="u-other")), "conflict"),
            Sent(dumps(conflict(currency="EUR")), "conflict"),
            Sent(dumps(conflict()), DUPLICATE),
        ),
        why="the first one stands; a person must decide",
        gmv_minor=1_000,
    )
    cancelled = Sound("cancelled", now_ms)
    yield Kind(
        "an order paid after it was cancelled",
        topics.PURCHASES,
        (
            Sent(dumps(cancelled.cancel(event_id="e-cancel")), FOLDED),
            Sent(dumps(cancelled.order()), FOLDED),
        ),
        why="money came in; the cancellation is counted as well",
        gmv_minor=1_000,
    )
    like = Sound("same-id", now_ms).like
    yield Kind(
        "the same event id with other content",
        topics.LIKES,
        (Sent(dumps(like(count=3)), FOLDED), Sent(dumps(like(count=9)), DUPLICATE)),
        why="outside of purchases, the event id alone is the identity; the first one stands",
    )
    shared = Sound("shared", now_ms)
    yield Kind(
        "one event id for two orders",
        topics.PURCHASES,
        (
            Sent(dumps(shared.order()), FOLDED),
            Sent(dumps(shared.order(order_id="o-shared-2")), FOLDED),
        ),
        why="an order is known by its order id, so that a careless producer loses no money",
        gmv_minor=2_000,
    )


def _refunds(now_ms: int) -> Iterator[Kind]:
    early = Sound("early-refund", now_ms)
    yield Kind(
        "a refund before its order",
        topics.PURCHASES,
        (
            Sent(dumps(early.refund(event_id="e-early")), FOLDED),
            Sent(dumps(early.order()), FOLDED),
        ),
        why="a refund repeats the order's dimensions, and needs no order to be there",
        gmv_minor=1_000,
        refund_minor=1_000,
    )
    yield Kind(
        "a refund of an unknown order",
        topics.PURCHASES,
        (Sent(dumps(Sound("orphan", now_ms).refund(70)), FOLDED),),
        why="the money went back; a query of the ledger finds it, see below",
        refund_minor=70,
    )
    excess = Sound("excess", now_ms)
    yield Kind(
        "a refund above its order",
        topics.PURCHASES,
        (
            Sent(dumps(excess.order()), FOLDED),
            Sent(dumps(excess.refund(5_000, event_id="e-excess")), FOLDED),
        ),
        why="the money went back; a query of the ledger finds it, see below",
        gmv_minor=1_000,
        refund_minor=5_000,
    )
    twice = Sound("refunded-twice", now_ms)
    yield Kind(
        "the same refund id with another amount",
        topics.PURCHASES,
        (
            Sent(dumps(twice.refund(100, event_id="e-refund-1")), FOLDED),
            Sent(dumps(twice.refund(101, event_id="e-refund-2")), "conflict"),
            Sent(dumps(twice.refund(100, event_id="e-refund-3")), DUPLICATE),
        ),
        refund_minor=100,
    )


# --- huge -------------------------------------------------------------------------------------


def _huge(now_ms: int) -> Iterator[Kind]:
    yield _chats("2 MB of garbage", "not_json", b"\xde\xad\xbe\xef" * (_TWO_MB // 4))
    yield _chats(
        "2 MB of valid text",
        "invalid_field",
        dumps(Sound("huge-text", now_ms).chat("x" * _TWO_MB)),
    )
    yield _chats(
        "2 MB of unknown fields",
        FOLDED,
        orjson.dumps({**Sound("huge-field", now_ms).chat(), "blob": "x" * _TWO_MB}),
        why="unknown fields are not looked at",
    )
    yield _chats(
        "2 MB of whitespace around an event",
        FOLDED,
        b" " * _TWO_MB + dumps(Sound("huge-space", now_ms).chat()),
        why="whitespace is nothing",
    )
