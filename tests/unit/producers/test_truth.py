from __future__ import annotations

from typing import Any

import pytest

from producers.record import OutRecord
from producers.recount import Counter
from producers.truth import TruthBook
from schemas.truth import Money, Truth, read_truth
from tests.unit.producers.shows import PROFILES, cut_ms, flattened, recounted, small_show


def order(number: int = 1, **changes: Any) -> dict[str, Any]:
    line = {"product_id": "p-1", "sku_id": "p-1-1", "quantity": 2, "paid_minor": 500}
    return {
        "type": "order_paid",
        "v": 1,
        "event_id": f"e-{number}",
        "room_id": "room",
        "occurred_at_ms": 1_781_715_600_000,
        "user_id": "u-1",
        "order_id": f"o-{number}",
        "kol_id": "kol",
        "currency": "EUR",
        "promo": "none",
        "attribution": "in_room",
        "paid_minor": 800,
        "discount_minor": 70,
        "lines": [line, {**line, "sku_id": "p-1-2", "quantity": 1, "paid_minor": 300}],
        **changes,
    }


def refund(amount_minor: int, **changes: Any) -> dict[str, Any]:
    line = {"product_id": "p-1", "sku_id": "p-1-1", "quantity": 1, "amount_minor": amount_minor}
    event = order(**changes)
    for field in ("paid_minor", "discount_minor"):
        del event[field]
    return {
        **event,
        "type": "order_refunded",
        "refund_id": "r-1",
        "amount_minor": amount_minor,
        "lines": [line],
    }


def truth_of(*events: dict[str, Any]) -> Truth:
    book = TruthBook()
    for event in events:
        book.add(event)
    return book.truth(source="test", seed=None, scale=None, start_ms=0, end_ms=1)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("seed", [1, 2, 77])
def test_the_truth_of_a_show_is_what_its_bytes_add_up_to(name: str, seed: int) -> None:
    show = small_show(name, seed, duplicates=0.05, late=0.05, unreadable=0.05)
    records = list(show.records(cut_ms(show)))
    counter = Counter()
    for record in records:
        counter.count(record)
    truth = counter.book.truth(source=name, seed=seed, scale=0.05, start_ms=0, end_ms=1)
    assert flattened(truth) == recounted(records)
    assert truth.sent.records == len(records)
    assert truth.sent.records == (truth.sent.events + truth.sent.duplicates + truth.sent.unreadable)
    assert truth.sent.late > 0


@pytest.mark.parametrize("name", PROFILES)
def test_noise_does_not_change_the_truth(name: str) -> None:
    manifests = []
    for noise in (0.0, 0.3):
        show = small_show(name, duplicates=noise, late=noise, unreadable=noise, disorder_ms=noise)
        counter = Counter()
        for record in show.records(cut_ms(show)):
            counter.count(record)
        flat = flattened(counter.book.truth(source=name, seed=1, scale=0.05, start_ms=0, end_ms=1))
        manifests.append({path: number for path, number in flat.items() if path[0] != "sent"})
    assert manifests[0] == manifests[1]


def test_an_order_with_two_skus_of_a_product_is_one_order_of_it() -> None:
    truth = truth_of(order())
    assert truth.by_product["p-1"]["EUR"] == Money(orders=1, sku_orders=2, units=3, gmv_minor=800)
    assert truth.total["EUR"] == Money(
        orders=1, sku_orders=2, units=3, gmv_minor=800, discount_minor=70
    )


def test_a_cancelled_order_is_counted_and_brings_no_money() -> None:
    event = order()
    cancelled = {**event, "type": "order_cancelled", "amount_minor": 800}
    assert truth_of(cancelled).total["EUR"] == Money(cancelled=1)
    assert truth_of(cancelled).rooms == {}


def test_currencies_are_kept_apart_and_the_largest_one_headlines() -> None:
    truth = truth_of(order(1), order(2, currency="USD", paid_minor=900))
    assert truth.total["EUR"].gmv_minor == 800
    assert truth.total["USD"].gmv_minor == 900
    assert truth.currency == "USD"


def test_the_headline_currency_of_a_show_without_orders_is_its_first_room_s() -> None:
    assert truth_of({"type": "room_started", "currency": "JPY"}).currency == "JPY"
    assert truth_of().currency == ""


def test_kols_rank_by_net_gmv_then_orders_then_name() -> None:
    truth = truth_of(
        order(1, kol_id="refunded", paid_minor=10_000),
        refund(9_000, kol_id="refunded"),
        order(2, kol_id="b-one-order", paid_minor=2_000),
        order(3, kol_id="two-orders", paid_minor=1_500),
        order(4, kol_id="two-orders", paid_minor=500),
        order(5, kol_id="a-one-order", paid_minor=2_000),
    )
    assert truth.kol_ranking == {"EUR": ["two-orders", "a-one-order", "b-one-order", "refunded"]}


def test_a_person_counts_once_however_often_they_come() -> None:
    enter = {"type": "viewer_entered", "room_id": "room", "user_id": "u-1"}
    room = truth_of(enter, enter, {**enter, "user_id": "u-2"}).rooms["room"]
    assert (room.views, room.unique_viewers) == (3, 2)


def test_a_manifest_can_be_written_and_read(tmp_path: Any) -> None:
    show = small_show("boutique")
    counter = Counter()
    for record in show.records(cut_ms(show)):
        counter.count(record)
    truth = counter.book.truth(source="boutique", seed=1, scale=0.05, start_ms=0, end_ms=1)
    path = tmp_path / "truth.json"
    path.write_bytes(truth.to_json())
    assert read_truth(path) == truth


class TestOfARecording:
    """Recorded records are told apart by what is in them."""

    def counted(self, *events: dict[str, Any]) -> Truth:
        import orjson

        from producers.record import Kind

        counter = Counter()
        for event in events:
            value = orjson.dumps(event)
            counter.count(OutRecord(0, "live.purchases", b"", value, Kind.RECORDED, event))
        return counter.book.truth(source="", seed=None, scale=None, start_ms=0, end_ms=1)

    def test_an_order_sent_again_under_a_new_event_id_is_a_duplicate(self) -> None:
        truth = self.counted(order(1), order(1, event_id="again", occurred_at_ms=1_781_715_600_009))
        assert (truth.sent.events, truth.sent.duplicates) == (1, 1)
        assert truth.total["EUR"].orders == 1

    def test_an_order_sent_again_with_other_content_is_refused(self) -> None:
        truth = self.counted(order(1), order(1, user_id="somebody-else"))
        assert (truth.sent.events, truth.sent.unreadable) == (1, 1)
        assert truth.total["EUR"].orders == 1

    def test_a_cancelled_order_does_not_hide_a_paid_one_of_the_same_id(self) -> None:
        cancelled = {**order(1), "type": "order_cancelled", "amount_minor": 800}
        assert self.counted(cancelled, order(1)).sent.events == 2

    def test_fields_of_a_newer_producer_do_not_make_an_event_unreadable(self) -> None:
        newer = order(1, mood="happy")
        newer["lines"] = [{**line, "colour": "red"} for line in newer["lines"]]
        assert self.counted(newer).sent.events == 1

    def test_lines_that_do_not_add_up_are_unreadable(self) -> None:
        truth = self.counted(order(1, paid_minor=801), order(2, currency="ZZZ"))
        assert truth.sent.unreadable == 2
        assert truth.total == {}
